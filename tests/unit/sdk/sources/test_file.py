"""Flags from a file: the short forms, the whole form, changes while a client runs, and files that are no good."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon import Client
from pennon.sdk import Level
from pennon.sdk.errors import InvalidFile
from pennon.sdk.sources import FileSource, read_flags
from pennon.testing import InMemorySource, flag
from tests.integration.upstream import eventually

U1 = {"targetingKey": "u1"}
YAML = b"""
flags:
  new-checkout: true
  old-checkout: off
  theme: {variations: {dark: "#000", light: "#fff"}, serve: dark}
  beta:
    variations: {on: true, off: false}
    serve: {on: 25, off: 75}
    rules:
      - id: staff
        conditions: [{op: inSegment, values: [staff]}]
        serve: {variation: on}
  limits: {value: {max: 3}}
  rate: 0.5
  name: plain text
  day: 2026-01-31
segments:
  staff: {included: [u1]}
"""


def test_yaml_short_forms_are_what_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_bytes(YAML)
    with Client(file=path) as client:
        assert client.wait_until_ready(1)
        assert client.boolean("new-checkout", U1) is True
        assert client.boolean("old-checkout", U1, default=True) is False
        assert client.string("theme", U1) == "#000"
        assert client.evaluation("beta", U1).rule_id == "staff"
        assert client.evaluation("beta", {"targetingKey": "u2"}).reason == "SPLIT"
        assert client.object("limits", U1) == {"max": 3}
        assert client.number("rate", U1) == 0.5
        assert client.string("name", U1) == "plain text"
        assert client.string("day", U1) == "2026-01-31"
        assert client.status().level is Level.STREAMING
        assert client.status().age_s == 0


def test_json_holds_the_same_forms_and_a_snapshot_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"flags": {"new-checkout": true, "theme": "dark"}}', "utf-8")
    with Client(file=str(path)) as client:
        assert (client.boolean("new-checkout"), client.string("theme")) == (True, "dark")
    snapshot = InMemorySource(flag("a").on(), environment="shop/production").snapshot
    path.write_bytes(snapshot.to_json())
    with Client(file=path) as client:
        assert client.boolean("a") is True
        assert client.status().environment == "shop/production"


def put(path: Path, text: str) -> None:
    """Write the file at once: one that is written in its place is empty for a moment."""
    path.with_suffix(".draft").write_text(text, "utf-8")
    path.with_suffix(".draft").replace(path)


def test_a_file_is_followed_and_a_bad_one_takes_nothing_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"flags": {"a": true}}', "utf-8")
    changes: list[Any] = []
    with Client(file=path, on_change=changes.append) as client:
        put(path, '{"flags": {"a": false, "b": 1}}')
        eventually(lambda: client.number("b") == 1)
        assert client.boolean("a", default=True) is False
        eventually(lambda: changes and changes[-1].flags == {"a", "b"})
        put(path, '{"flags": {"a": ')
        eventually(lambda: "flags.json: " in client.status().problem)
        assert client.boolean("a", default=True) is False
        path.unlink()
        eventually(lambda: "cannot be read" in client.status().problem)
        put(path, '{"flags": {"a": true}}')
        eventually(lambda: client.boolean("a"))
        eventually(lambda: client.status().problem == "")
    assert caplog.text.count("what was known before is served") == 2


def test_touching_a_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"flags": {"a": true}}', "utf-8")
    source = FileSource(path)
    seen: list[int] = []
    adopt: Callable[[Any], None] = lambda snapshot: seen.append(snapshot.revision)  # noqa: E731
    source.attach(adopt)
    path.touch()
    assert source.look() == ""
    path.write_text('{"flags": {"a": false}}', "utf-8")
    assert source.look() == ""
    source.detach(adopt)
    path.write_text('{"flags": {"a": true, "b": 1}}', "utf-8")
    source.look()
    assert seen == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.json", "{", "truncated"),
        ("f.json", "[]", 'expected an object with the member "flags"'),
        ("f.json", '{"flags": []}', 'expected an object with the member "flags"'),
        ("f.json", '{"flags": {"a": {"max": 3}}}', "/flags/a: write a value"),
        ("f.json", '{"flags": {"a": {"variations": {}, "serve": "x"}}}', "/flags/a/variations: name at least one"),
        ("f.json", '{"flags": {"a": {"variations": {"x": 1}, "serve": {"x": 50}}}}', "must sum to 100"),
        ("f.json", '{"flags": {"a": {"variations": {"x": 1}, "serve": {"x": "all"}}}}', "must sum to 100"),
        ("f.json", '{"flags": {}, "revision": "x"}', "/revision"),
        ("f.json", '{"flags": {}, "spec": 99}', "newer than this Pennon"),
        ("f.yaml", "flags: [", "line 1"),
        ("f.yml", "- a", 'expected an object with the member "flags"'),
    ],
)
def test_a_file_that_is_no_good_stops_the_start_with_the_place(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(InvalidFile, match=message) as raised:
        Client(file=path)
    assert name in str(raised.value)


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="cannot be read: No such file"):
        Client(file=tmp_path / "none.json")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_any_document_is_read_or_refused(document: Any) -> None:
    for content in (document, {"flags": document}, {"flags": {"a": document}}, {"flags": {}, "segments": document}):
        try:
            snapshot = read_flags(json.dumps(content).encode(), "f.json")
        except InvalidFile:
            continue
        assert snapshot.revision in (1, content.get("revision"))


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for name in ("f.json", "f.yaml"):
        with pytest.raises(InvalidFile):
            read_flags(content, name)
