"""What a later change is planned on: the content of an item, not its version."""

from msgspec.structs import replace

from pennon.control.changes.bases import base_of
from pennon.model import Flag, Item, Serve

FLAG = Flag("f", (), on=True, fallthrough=Serve("on"), salt="s")


def text(flag: Flag) -> bytes:
    return Item.of(flag).text


def test_a_version_is_no_content() -> None:
    assert base_of("flag", "f", text(FLAG)) == base_of("flag", "f", text(replace(FLAG, version=7, changed_at=9)))


def test_every_member_counts_unless_some_are_named() -> None:
    other = replace(FLAG, critical=True)
    assert base_of("flag", "f", text(FLAG)) != base_of("flag", "f", text(other))
    assert base_of("flag", "f", text(FLAG), ["on"]) == base_of("flag", "f", text(other), ["on"])
    off = replace(FLAG, on=False)
    assert base_of("flag", "f", text(FLAG), ["on"]) != base_of("flag", "f", text(off), ["on"])


def test_what_is_not_there_has_no_digest() -> None:
    assert base_of("flag", "f", None).digest == ""
    assert base_of("flag", "f", text(FLAG)).digest != ""
