"""Keys for LaunchDarkly's variations, which it knows by their index, and the kind of a flag's values."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from pennon.model import FlagKind, Json

_LONGEST = 64
_LONGEST_NAME = 256


def variation_keys(values: Sequence[Json], names: Sequence[str] = ()) -> list[str]:
    """Return a key for each variation: its name, else its value's text, else its index, whichever are unique."""
    texts = [_text(value) for value in values]
    named = [name if _fits(name, _LONGEST_NAME) else None for name in names]
    for candidates in (named, texts):
        keys = _unique(candidates, len(values))
        if keys is not None:
            return keys
    return [str(index) for index in range(len(values))]


def _unique(candidates: Sequence[str | None], count: int) -> list[str] | None:
    """Return the candidates, with the index in place of those that are none; None where two would be the same."""
    if len(candidates) != count or not any(candidates):
        return None
    keys = [str(index) if candidate is None else candidate for index, candidate in enumerate(candidates)]
    return keys if max(Counter(keys).values()) == 1 else None


def _text(value: Json) -> str | None:
    if isinstance(value, str):
        return value if _fits(value, _LONGEST) else None
    if isinstance(value, (bool, int, float)):
        return msgspec.json.encode(value).decode()
    return None


def _fits(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and text.isprintable() and text == text.strip()


def unused_key(keys: Sequence[str], wanted: str) -> str:
    """Return *wanted*, or what comes next to it, that is none of *keys*."""
    while wanted in keys:
        wanted += "-"
    return wanted


def kind_of(values: Sequence[Json]) -> FlagKind | None:
    """Return the kind that all values have (null has any), None where they differ."""
    kinds = {_kind(value) for value in values if value is not None}
    return next(iter(kinds), "object") if len(kinds) <= 1 else None


def _kind(value: Json) -> FlagKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "object"
