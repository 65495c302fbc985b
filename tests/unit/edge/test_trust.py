"""What an edge node takes from its store and its upstreams, and passes on, where it trusts some keys."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from pennon.edge.config import Settings
from pennon.edge.overrides import Applied, Override
from pennon.edge.replicas import Feed, Replicas
from pennon.model import Position
from pennon.sdk.config import Clock
from tests.unit.protocol.builders import after, flag, snapshot, step
from tests.unit.protocol.signing import NOW, Signer, trust
from tests.unit.protocol.test_heads import beat

FIRST = Signer("first")
ONE = snapshot("1.1", flag("a"), flag("b"))
EDGE = FIRST.signed(ONE, "edge")
NAME = ONE.environment


class Heard:
    """A strict feed, and what was heard of it."""

    def __init__(self) -> None:
        self.positions: list[Position] = []
        strict = trust(FIRST.key, projections=("edge",), environment=NAME)
        self.feed = Feed(
            NAME, Clock(lambda: 100.0, lambda: NOW), lambda _, position: self.positions.append(position), strict
        )
        self.replicas = Replicas(key_ttl_s=3600)
        self.replicas.feeds[NAME] = self.feed


def test_a_forged_state_in_the_store_is_not_served_and_said() -> None:
    heard = Heard()
    forged = snapshot("1.1", flag("a", salt="other"), flag("b"))
    heard.feed.restore(replace(forged, heads=EDGE.heads), NOW)
    assert (heard.feed.served, heard.positions) == (None, [])
    assert "signature not trusted" in heard.feed.problem
    heard.feed.restore(ONE, NOW)
    assert "no signature" in heard.feed.problem
    heard.feed.restore(EDGE, NOW)
    assert heard.feed.position == ONE.position
    assert asyncio.run(heard.replicas.snapshot(NAME)).heads == EDGE.heads


def test_younger_heads_are_passed_on_to_who_serves_the_state() -> None:
    heard = Heard()
    heard.feed.restore(EDGE, NOW)
    assert heard.replicas.heads(NAME) == EDGE.heads
    younger = FIRST.head(ONE, "edge", time=NOW + 60)
    assert heard.feed.perform(heard.feed.replica.receive(beat(ONE, younger), 101.0)) == []
    assert heard.replicas.heads(NAME) == (younger,)
    assert heard.positions == [ONE.position, ONE.position]
    assert heard.replicas.heads("shop/unknown") == ()


def test_what_a_person_has_overridden_has_no_heads() -> None:
    heard = Heard()
    heard.feed.restore(EDGE, NOW)
    overlay: Any = Applied("here", (Override(environment=NAME, flag="a", at=NOW),))
    heard.replicas.overlay = overlay
    assert heard.replicas.heads(NAME) == ()
    assert asyncio.run(heard.replicas.snapshot(NAME)).heads == ()
    delta = step(ONE, 2, flag("b", 2))
    known = after(ONE, delta)
    signed = replace(delta, heads=(FIRST.head(known, "edge"),))
    heard.feed.perform(heard.feed.replica.receive_document(signed.to_json(), age=0.0, now=101.0))
    steps = asyncio.run(heard.replicas.since(NAME, ONE.position))
    assert steps is not None
    assert [each.heads for each in steps] == [()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trusted_keys": ("x",)}, "--trusted-keys: 'x' is not a public key"),
        ({"strict_signatures": True}, "--strict-signatures: say whose"),
        ({"trusted_keys": (FIRST.key,), "max_head_age": 60}, "--max-head-age: it is for"),
    ],
    ids=["no key", "no trust", "age without strictness"],
)
def test_settings_that_cannot_be_are_said(options: dict[str, object], said: str) -> None:
    settings = Settings(upstream=("http://127.0.0.1:1",), key="pennon_edge_x", **options)  # type: ignore[arg-type]
    assert any(problem.startswith(said) for problem in settings.problems())


def test_settings_that_can_be_are_no_problem() -> None:
    trusting = {"trusted_keys": (FIRST.key,), "strict_signatures": True, "max_head_age": 600}
    settings = Settings(upstream=("http://127.0.0.1:1",), key="pennon_edge_x", **trusting)  # type: ignore[arg-type]
    assert settings.problems() == []
