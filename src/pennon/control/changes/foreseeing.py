"""What turns flags on again by itself: the port by which the nouns above say so, and what they share."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import TypeAlias

from pennon.control.changes.bases import Base
from pennon.control.changes.edits import AnyEdit, PutFlag
from pennon.control.changes.flag_edits import SetConfiguration, TurnOff, TurnOn
from pennon.control.log import ChangeWarning, EnvironmentName, Reading
from pennon.model import pointer

Left: TypeAlias = Callable[[Base], Base]
"""Returns what an item is planned on, as the change that is looked at leaves it."""

Foreseeing: TypeAlias = Callable[[Reading, EnvironmentName, Collection[str], Left], Iterable[ChangeWarning]]
"""Yields a warning for each of some flags of an environment, by their keys, and each thing that will turn it on."""


def turned_on(edits: Iterable[AnyEdit]) -> set[str]:
    """Return which flags *edits*, in order, leave on that may have been off."""
    found: dict[str, bool] = {}
    for edit in edits:
        if isinstance(edit, TurnOn | TurnOff):
            found[edit.flag] = isinstance(edit, TurnOn)
        elif isinstance(edit, SetConfiguration):
            found[edit.flag] = edit.configuration.on
        elif isinstance(edit, PutFlag) and edit.configuration is not None:
            found[edit.definition.key] = edit.configuration.on
    return {key for key, is_on in found.items() if is_on}


def warning_of(flag: str, what: str, at: datetime, mend: str) -> ChangeWarning:
    """Return that *what* turns *flag* on at a time, and how it is kept from doing so."""
    message = f"{what} turns flag {flag!r} on at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return ChangeWarning(code="turns-on-again", path=pointer("flags", flag, "on"), message=message, mend=mend)
