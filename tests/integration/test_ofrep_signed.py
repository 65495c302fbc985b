"""Client keys that demand signed targeting keys: at a node, at an edge node below an origin, from the admin API on."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pennon.protocol.signature import SIGNATURE_HEADER, targeting_key_signature
from pennon.stream import StreamSettings
from tests.edges import edge
from tests.integration.nodes import (
    CLIENT,
    ENVIRONMENT,
    SERVER,
    MemoryLog,
    RunningNode,
    boolean,
    eventually,
    key,
    running,
)
from tests.serving import serving

SECRET = "pennon_signing_a"
SIGNED = "pennon_client_signed"
ALL = "/ofrep/v1/evaluate/flags"
# The usual requests are answered at once; one with a query goes by the endpoints.
PATHS = [ALL, f"{ALL}/open", f"{ALL}?by=endpoints", f"{ALL}/open?by=endpoints", "/client/v1/bootstrap"]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    log = MemoryLog()
    log.allowed.add(ENVIRONMENT)
    record = key(SIGNED, "client", signing_secret=SECRET)
    with running(record, boolean("open", client_side=True), log=log, settings=StreamSettings(poll_s=0.1)) as node:
        yield node


def ask(
    url: str, path: str, context: Any, signature: str | None = None, *, secret: str = SIGNED, **headers: str
) -> httpx2.Response:
    signed = {} if signature is None else {SIGNATURE_HEADER: signature}
    headers = {"authorization": f"Bearer {secret}", **signed, **headers}
    return httpx2.post(url + path, json={"context": context}, headers=headers, timeout=60)


def signature(targeting_key: str, secret: str = SECRET) -> str:
    return targeting_key_signature(secret, targeting_key)


def knows(url: str, secret: str) -> bool:
    return ask(url, ALL, {}, secret=secret).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_targeting_key_needs_its_signature(node: RunningNode, path: str) -> None:
    right = ask(node.url, path, {"targetingKey": "u1"}, signature("u1"))
    assert right.status_code == 200
    for wrong in (None, "", "0" * 64, signature("u2"), signature("u1", "guessed"), "Łukasz".encode().hex()):
        refused = ask(node.url, path, {"targetingKey": "u1"}, wrong)
        assert refused.status_code == 401, wrong
        assert "on your server" in refused.text
        assert refused.headers["www-authenticate"]
        assert refused.headers["access-control-allow-origin"] == "*"
    for strange in (7, ["u1"], True, {"a": 1}):
        assert ask(node.url, path, {"targetingKey": strange}, signature("u1")).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_other_attributes_and_other_keys_need_none(node: RunningNode, path: str) -> None:
    for nobody in ({}, {"targetingKey": None}, {"country": "DE"}):
        assert ask(node.url, path, nobody).status_code == 200
    for secret in (SERVER, CLIENT):
        assert ask(node.url, path, {"targetingKey": "u1"}, secret=secret).status_code == 200


def test_an_open_connection_vouches_for_nobody(node: RunningNode) -> None:
    headers = {"authorization": f"Bearer {SIGNED}", SIGNATURE_HEADER: signature("u1")}
    with httpx2.Client(base_url=node.url, headers=headers, timeout=60) as client:
        asked = ("u1", "u1", "u2", "u1")
        assert [client.post(ALL, json={"context": {"targetingKey": key}}).status_code for key in asked] == [
            200,
            200,
            401,
            200,
        ]


def test_who_knows_the_tag_of_an_answer_learns_nothing_of_it(node: RunningNode) -> None:
    tag = ask(node.url, ALL, {"targetingKey": "u1"}, signature("u1")).headers["etag"]
    known = {"if-none-match": tag}
    assert ask(node.url, ALL, {"targetingKey": "u1"}, signature("u1"), **known).status_code == 304
    assert ask(node.url, ALL, {"targetingKey": "u1"}, signature("u2"), **known).status_code == 401


def test_pages_may_send_the_signature(node: RunningNode) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    allowed = httpx2.options(node.url + ALL, headers=asked).headers["access-control-allow-headers"]
    assert SIGNATURE_HEADER in allowed


def test_rules_are_not_given_to_a_key_that_demands_signatures(node: RunningNode) -> None:
    assert httpx2.get(f"{node.url}/client/v1/rules/{CLIENT}").status_code == 200
    refused = httpx2.get(f"{node.url}/client/v1/rules/{SIGNED}")
    assert refused.status_code == 403
    assert "another key" in refused.json()["detail"]


def test_a_key_of_the_admin_api_is_checked_at_the_origin_and_at_an_edge(tmp_path: Path) -> None:
    place = "projects/default/environments/production"
    with serving(tmp_path / "origin") as (_, api):
        issued = api.made("POST", f"{place}/keys", {"kind": "client", "requireSignature": True})
        secret, signing = issued["secret"], issued["signingSecret"]
        assert signing.startswith("pennon_signing_")
        assert issued["key"]["requiresSignature"]
        edge_key = api.key(kind="edge")
        with edge(tmp_path / "edge", [api.url], edge_key) as below:
            for url in (api.url, below.url):
                eventually(partial(knows, url, secret))
                assert ask(url, ALL, {"targetingKey": "u1"}, secret=secret).status_code == 401
                assert ask(url, ALL, {"targetingKey": "u1"}, signature("u1", signing), secret=secret).status_code == 200
            rotated = api.made("POST", f"{place}/keys/{issued['key']['key'][:12]}/rotate", {"overlapSeconds": 3600})
            assert rotated["signingSecret"] not in (None, signing)
            anew = signature("u1", rotated["signingSecret"])
            for url in (api.url, below.url):
                eventually(partial(knows, url, rotated["secret"]))
                assert ask(url, ALL, {"targetingKey": "u1"}, anew, secret=rotated["secret"]).status_code == 200
                assert ask(url, ALL, {"targetingKey": "u1"}, anew, secret=secret).status_code == 401
        shown = "".join(api.send("GET", f"{place}/{what}").text for what in ("keys", "changes"))
        assert "requiresSignature" in shown
        assert signing not in shown
        assert rotated["signingSecret"] not in shown


def test_only_client_keys_can_demand_signatures(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, api):
        for kind in ("server", "edge"):
            body = {"kind": kind, "requireSignature": True}
            refused = api.send("POST", "projects/default/environments/production/keys", body)
            assert refused.status_code in (400, 422)
            assert json.loads(refused.text)["problems"][0]["path"] == "/requireSignature"
