"""What tests of edits start from."""

from typing import Any

from pennon.control.changes.editing import FlagEdit, LayerEdit, SegmentEdit
from pennon.control.changes.edits import AnyEdit
from pennon.control.flags.definitions import BOOLEAN_VARIATIONS
from pennon.model import Condition, Flag, Rule, Serve, Split, Weight
from tests.editing import read_edits

GERMANS = Rule("r1", (Condition("in", "country", ("DE",)),), Serve("on"))
BETA = Rule("r2", (Condition("inSegment", values=("beta",)),), Serve("off"), "beta users")


def flag(key: str = "checkout", **fields: Any) -> Flag:
    return Flag(
        **{
            "key": key,
            "variations": BOOLEAN_VARIATIONS,
            "on": True,
            "salt": "s1",
            "off_variation": "off",
            "fallthrough": Serve("off"),
            **fields,
        }
    )


def split(*weights: tuple[str, int], **fields: Any) -> Serve:
    return Serve(split=Split(tuple(Weight(*weight) for weight in weights), **fields))


def edit(**members: Any) -> AnyEdit:
    """An edit as it comes in JSON."""
    (read,) = read_edits([members])
    return read


def apply(item: Any, **members: Any) -> Any:
    """Return *item*, a flag, segment or layer, as an edit leaves it."""
    applied = edit(**{type(item).__name__.lower(): item.key, **members})
    if isinstance(applied, FlagEdit):
        return applied.apply(item, lambda: "fresh")
    assert isinstance(applied, SegmentEdit | LayerEdit)
    return applied.apply(item)
