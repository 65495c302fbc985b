"""Flags as they are read and written: leniently, immutably, without fields at their default."""

import re

import msgspec
import pytest

from pennon import model
from pennon.model import KEY_PATTERN, SALT_PATTERN, Flag, Serve, Variation

SMALL = b'{"key":"a","variations":[{"key":"on","value":true}],"on":true,"fallthrough":{"variation":"on"}}'


def read(text: bytes) -> Flag:
    return msgspec.json.decode(text, type=Flag)


def test_only_four_fields_are_required() -> None:
    flag = read(SMALL)
    assert flag == Flag("a", (Variation("on", True),), True, Serve("on"))
    assert (flag.kind, flag.version, flag.salt, flag.off_variation, flag.exposures) == (
        "boolean",
        1,
        "",
        None,
        "experiments",
    )


def test_fields_at_their_default_are_left_out() -> None:
    assert msgspec.json.encode(read(SMALL)) == SMALL


def test_fields_that_are_not_known_are_ignored() -> None:
    newer = SMALL.replace(b'"on":true', b'"on":true,"colour":{"a":[1]},"rules":[]').replace(
        b'"value":', b'"hue":2,"value":'
    )
    assert read(newer) == read(SMALL)


def test_operators_and_serve_forms_that_are_not_known_are_kept_for_the_engine_to_refuse() -> None:
    rules = b'"rules":[{"id":"r","conditions":[{"op":"soundsLike","attribute":"a"}],"serve":{"schedule":1}}],"on":true'
    flag = read(SMALL.replace(b'"on":true', rules))
    assert flag.rules[0].conditions[0].op == "soundsLike"
    assert flag.rules[0].serve == Serve()


def test_integers_and_fractions_stay_what_they_are() -> None:
    text = SMALL.replace(b'"value":true', b'"value":[1,1.0,1.5,-0.0,10000000000000001]')
    assert msgspec.json.encode(read(text)) == text


def test_a_flag_does_not_change() -> None:
    with pytest.raises(AttributeError):
        read(SMALL).on = False  # type: ignore[misc]


@pytest.mark.parametrize("key", ["a", "A-b_c.9", "0", "a" * 128])
def test_a_key_made_here(key: str) -> None:
    assert re.match(KEY_PATTERN, key)


@pytest.mark.parametrize("key", ["", "-a", ".a", "_a", "a b", "a/b", "é", "a\n", "a" * 129])
def test_no_key_made_here(key: str) -> None:
    assert not re.match(KEY_PATTERN, key)


def test_a_salt_made_here_has_no_dots() -> None:
    assert re.match(SALT_PATTERN, "aZ0_-")
    assert not any(re.match(SALT_PATTERN, salt) for salt in ("", "a.b", "a\n", "a" * 65))


def test_the_public_names_are_those_of_the_list() -> None:
    modules = {
        "allocation",
        "conditions",
        "evaluations",
        "flags",
        "heads",
        "items",
        "keys",
        "limits",
        "problems",
        "segments",
    }
    modules |= {"repeats", "snapshots", "strict", "validation"}
    names = {name for name in vars(model) if not name.startswith("_")}
    assert names - modules == set(model.__all__)
    assert sorted(model.__all__, key=lambda name: (name.islower(), not name.isupper(), name)) == model.__all__
