"""Files that cannot be read whole are refused, and it is said where and why."""

import json
import sys
from typing import Any

import pytest

from pennon.importers.flagd import reading
from pennon.importers.flagd.reading import DEEPEST, LARGEST, read
from pennon.importers.plan import ImportRefused


def refused(data: bytes | str) -> str:
    with pytest.raises(ImportRefused) as caught:
        read(data.encode() if isinstance(data, str) else data)
    assert str(caught.value).startswith("flagd: ")
    return str(caught.value)


def test_json_is_read_with_or_without_a_mark_of_its_encoding() -> None:
    assert read(b'{"flags": {}}') == read(b'\xef\xbb\xbf {"flags": {}}') == {"flags": {}}


def test_yaml_is_read_as_version_1_2() -> None:
    text = (
        'flags:\n  f: &one {state: ENABLED, variants: {on: true, off: no}, since: 2026-01-01, half: 0.5}\n  "2": *one\n'
    )
    flag = {"state": "ENABLED", "variants": {"on": True, "off": "no"}, "since": "2026-01-01", "half": 0.5}
    assert read(text.encode()) == {"flags": {"f": flag, "2": flag}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "not UTF-8 at byte 0"),
        ('{"flags": {"f": {"state"', "not JSON: "),
        ('{"flags": {}, "flags": {}}', "/flags: this member is there more than once"),
        ('{"flags": {"f": {"variants": {"a": NaN}}}}', "NaN is no JSON number"),
        ('{"flags": {"f": {"variants": {"a": 1e999}}}}', "/flags/f/variants/a: inf is no JSON number"),
        ('{"flags": {"f": ' + "1" * 5000 + "}}", "not JSON: "),
        ("[1, 2]", "this is no flagd file"),
        ("{}", "this is no flagd file"),
        ('{"flags": 5}', "this is no flagd file"),
        ("just words", "this is no flagd file"),
        ("", "this is no flagd file"),
        ('{"features": [{"name": "f"}]}', "this looks like a file of unleash"),
        ('{"features": {}}', "this looks like a file of growthbook"),
        ('{"flags": {"f": {"fallthrough": {"variation": 0}}}}', "this looks like a file of launchdarkly"),
        ("flags: [", "neither JSON nor YAML"),
        ("flags:\n  f: {}\n  f: {}", "'f' is there twice"),
        ("flags: {1: x}", "/flags: the name 1 is no text"),
        ("flags: {f: !!binary aGk=}", "/flags/f: bytes is no JSON"),
        ("flags: {f: .inf}", "/flags/f: inf is no JSON number"),
        ("flags: &f {f: *f}", f"nested more than {DEEPEST} deep"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_flagd_file_is_refused(data: bytes | str, message: str) -> None:
    assert message in refused(data)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["flags:", "  a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for one, other in zip("abcdef", "bcdefg", strict=True):
        lines.append(f"  {other}: &{other} [{', '.join([f'*{one}'] * 10)}]")
    assert f"more than {LARGEST} values" in refused("\n".join(lines))


def test_a_bomb_of_brackets_is_refused_with_its_path() -> None:
    deep = '{"flags": {"a,:[": {"targeting": [1, ' + '{"if": [0, ' * 50_000
    path = "/flags/a,:[/targeting/1" + "/if/1" * 98
    assert f"{path}: nested more than {DEEPEST} deep" in refused(deep)


def test_a_document_that_is_too_deep_but_can_be_read_is_refused_with_its_path() -> None:
    value: Any = 0
    for _ in range(DEEPEST):
        value = [value]
    assert f"/flags/f{'/0' * (DEEPEST - 2)}: nested more than" in refused(json.dumps({"flags": {"f": value}}))


def test_a_path_is_found_though_names_are_no_json() -> None:
    text = '{"x": 1, "b": [2, {"c": {}}, "\\q", ' + "[" * DEEPEST
    assert reading.deep_path(text).startswith("/b/3/0/0")
    assert reading.deep_path('{"x": [1]}') == ""


def test_without_pyyaml_json_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "reading YAML needs PyYAML" in refused("flags: {}")
