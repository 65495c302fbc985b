"""A feature's values as variations: GrowthBook's have no names of their own, and no kind."""

import re
from collections.abc import Iterable

from pennon.engine.dialects.growthbook.coercion import number_text, written
from pennon.model import FlagKind, Json, Variation

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST = 64


class Values:
    """Collects the variations of one flag, each value once if nothing speaks against it."""

    def __init__(self) -> None:
        self._keys: dict[str, Json] = {}
        self._reserved: set[str] = set()

    def variation(self, value: Json, hint: str | None = None, *, apart_from: Iterable[str] = ()) -> str:
        """Return the key of the variation for *value*, a new one where all that have it are in *apart_from*.

        *hint* is GrowthBook's name of it, for values that are no good names.
        """
        taken, same = {*apart_from, *self._reserved}, written(value)
        for key, known in self._keys.items():
            if key not in taken and written(known) == same:
                return key
        key = self._free(_name(value) or _usable(hint) or f"v{len(self._keys)}")
        self._keys[key] = value
        return key

    def apart(self, value: Json, name: str) -> str:
        """Return the key of a new variation for *value*, which no other call returns."""
        key = self._free(name)
        self._keys[key] = value
        self._reserved.add(key)
        return key

    def _free(self, name: str) -> str:
        key, count = name, 1
        while key in self._keys:
            count += 1
            key = f"{name}-{count}"
        return key

    def variations(self) -> tuple[Variation, ...]:
        """Return all variations, in the order in which they were asked for."""
        return tuple(Variation(key, value) for key, value in self._keys.items())

    def kinds(self) -> list[FlagKind]:
        """Return the kinds of the values; of nulls alone, the kind that any is."""
        found = sorted({_kind(value) for value in self._keys.values() if value is not None})
        return found or ["boolean"]


def _name(value: Json) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return _usable(value) if isinstance(value, str) else None


def _usable(text: str | None) -> str | None:
    """Return *text* if it can be a variation's key."""
    if text is None or not text.strip() or len(text) > _LONGEST or _CONTROL.search(text):
        return None
    return text


def _kind(value: Json) -> FlagKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "object"
