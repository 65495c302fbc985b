"""Laws of refusing requests with old flags. The cases are in spec/vectors/outdated."""

import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pennon import Client
from pennon.engine import RuleSet, compile_snapshot
from pennon.model import Flag, Snapshot
from pennon.sdk.flags import PinnedRules
from pennon.sdk.outdated import MOST_CHARACTERS, Seen, outdated, parse_seen, write_seen
from pennon.testing import InMemorySource, flag
from tests.spec.strategies import FLAGS, contexts, snapshots

ADA = {"targetingKey": "ada"}


def rules_of(snapshot: dict[str, Any]) -> RuleSet:
    return compile_snapshot(Snapshot.from_json(json.dumps(snapshot)))


def shown(rules: RuleSet, context: dict[str, Any]) -> dict[str, str]:
    served = {key: rules.evaluate(key, context).variation for key in FLAGS}
    return {key: variation for key, variation in served.items() if variation is not None}


@given(snapshots(), contexts())
def test_who_saw_what_is_served_now_is_never_refused(snapshot: dict[str, Any], context: dict[str, Any]) -> None:
    rules = rules_of(snapshot)
    seen = Seen(rules.revision, parse_seen(write_seen(shown(rules, context))))
    assert outdated(PinnedRules(rules), FLAGS, context, seen, required=True) == ()


@given(snapshots(), snapshots(), contexts(), st.integers(1, 5))
def test_who_is_ahead_is_never_refused(
    snapshot: dict[str, Any], other: dict[str, Any], context: dict[str, Any], ahead: int
) -> None:
    rules = rules_of(snapshot)
    seen = Seen(rules.revision + ahead, shown(rules_of(other), context))
    assert outdated(PinnedRules(rules), FLAGS, context, seen) == ()


@given(snapshots(), snapshots(), contexts(), st.integers(0, 10))
def test_a_flag_that_was_seen_is_outdated_exactly_where_another_variation_is_served(
    snapshot: dict[str, Any], other: dict[str, Any], context: dict[str, Any], revision: int
) -> None:
    rules, seen = rules_of(snapshot), shown(rules_of(other), context)
    found = outdated(PinnedRules(rules), FLAGS, context, Seen(None, seen))
    for key in FLAGS:
        answer = rules.evaluate(key, context)
        if key not in seen:
            assert key not in found
        elif answer.error_code is None or answer.error_code == "FLAG_NOT_FOUND":
            assert (key in found) is (answer.variation != seen[key])


@given(st.integers(0, 2**32))
def test_a_newer_revision_is_refused_less(seed: int) -> None:
    chance = Random(seed)
    source = InMemorySource()
    for _ in range(6):
        source.put(flag(f"flag-{chance.randint(0, 3)}").on().prerequisite(f"flag-{chance.randint(0, 3)}", "on"))
    rules = PinnedRules(compile_snapshot(source.snapshot))
    found = [set(outdated(rules, FLAGS, ADA, Seen(revision))) for revision in range(8)]
    assert all(later <= earlier for earlier, later in pairwise(found))
    assert found[6] == set()


def test_a_change_of_another_flag_refuses_nobody() -> None:
    source = InMemorySource(flag("gateway").split(on=50, off=50).on(), flag("other").on())
    before = compile_snapshot(source.snapshot)
    source.put(flag("other").off())
    after = PinnedRules(compile_snapshot(source.snapshot))
    for user in range(50):
        context = {"targetingKey": f"u{user}"}
        variation = before.evaluate("gateway", context).variation
        assert variation is not None
        assert outdated(after, ["gateway"], context, Seen(before.revision, {"gateway": variation})) == ()
        assert outdated(after, ["gateway"], context, Seen(before.revision)) == ()


@given(st.text(), st.text(), st.lists(st.text()))
def test_nothing_a_stranger_sends_raises(version: str, seen: str, named: list[str]) -> None:
    rules = PinnedRules(compile_snapshot(InMemorySource(flag("gateway").on()).snapshot))
    assert set(outdated(rules, named, ADA, Seen.of(version, seen), required=True)) <= set(named)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text("onf,=% é", min_size=1)))
def test_what_is_written_is_read(variations: dict[str, str]) -> None:
    header = write_seen(variations)
    assert header.isascii()
    assert parse_seen(header) == variations


def test_a_header_without_end_is_read_as_far_as_it_is_taken() -> None:
    header = ",".join(f"flag-{number}=on" for number in range(100_000))
    read = parse_seen(header)
    assert set(read.values()) == {"on"}
    assert MOST_CHARACTERS - 20 < len(write_seen(read)) <= MOST_CHARACTERS
    assert parse_seen("x" * (MOST_CHARACTERS + 1)) == {}


def test_an_override_of_this_process_refuses_nobody_for_good() -> None:
    source = InMemorySource(flag("gateway").on())
    with Client(source=source) as client, client.override("gateway", value=False):
        assert outdated(client.rules(), ["gateway"], ADA, Seen(1, {"gateway": "on"})) == ()
        assert outdated(client.rules(), ["gateway"], ADA, Seen(0, {"gateway": "on"})) == ("gateway",)


def test_nothing_is_counted_and_no_hook_is_told() -> None:
    heard: list[str] = []
    source = InMemorySource(flag("gateway").exposing("all").on())
    with Client(source=source, hooks=[lambda key, context, result: heard.append(key)]) as client:
        assert outdated(client.rules(), ["gateway"], ADA, Seen(0, {"gateway": "off"})) == ("gateway",)
        assert heard == []
        client.boolean("gateway", ADA)
        assert heard == ["gateway"]


def test_the_revision_of_what_a_flag_needs_is_that_of_the_last_change_below_it() -> None:
    base: Flag = flag("base").on().build()
    source = InMemorySource(flag("gateway").on().prerequisite("base", "on"), base)
    source.put(flag("other").on())
    source.put(replace(base, on=False))
    rules = compile_snapshot(source.snapshot)
    assert [rules.changed_at(key) for key in ("gateway", "base", "other", "gone")] == [3, 3, 2, 0]


@pytest.mark.parametrize("known", [True, False])
def test_the_flags_version_is_the_pages(known: bool) -> None:
    source = InMemorySource(flag("gateway").client_side().on())
    with Client(source=source) if known else Client("http://127.0.0.1:9", key="pennon_server_x") as client:
        version = client.flags_version()
        if known:
            assert version == json.loads(client.bootstrap(ADA).json)["flagsVersion"]
            assert version is not None
            assert version.startswith("v1_")
        else:
            assert version is None
