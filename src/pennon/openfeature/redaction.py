"""What may be shown of a context: who asked is told apart but not named."""

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterator
from typing import Any

from openfeature.evaluation_context import EvaluationContext

from pennon.bucketing import well_formed

UNSHOWN = "(not to be shown)"
_DIGITS = 12
_LARGEST = 2**63 - 1
_LEAVES = 1000
_SHORT = 3


class Redaction:
    """Makes contexts fit for logs: values become keyed hashes, but for those of the attributes that *show* names.

    The same value has the same hash, so that samples can be compared; without the *key* nobody can try values. A key
    of one's own makes hashes the same in every process; else each has a random one. *drop*: leave the others out whole.
    """

    def __init__(self, *, show: Collection[str] = (), drop: bool = False, key: bytes | None = None) -> None:
        self._show = frozenset(show)
        self._drop = drop
        self._key = key or secrets.token_bytes(32)

    def redacted(self, context: EvaluationContext | None) -> dict[str, Any]:
        """Return what may be shown of *context*. The targeting key is hashed always."""
        if context is None:
            return {}
        shown: dict[str, Any] = {}
        if context.targeting_key is not None:
            shown["targetingKey"] = self._hashed(context.targeting_key)
        for name, value in tuple(context.attributes.items()):
            if name in self._show and name != "targetingKey":
                shown[name] = plain(value)
            elif not self._drop:
                shown[str(name)] = self._hashed(value)
        return shown

    def masked(self, text: str | None, context: EvaluationContext | None) -> str | None:
        """Return *text*, what a provider says went wrong, with what it quotes of *context* as hashes."""
        if context is None or text is None:
            return text
        hidden = {name: value for name, value in context.attributes.items() if name not in self._show}
        quoted = {repr(each) if isinstance(each, float) else str(each): each for each in _leaves(hidden)}
        if context.targeting_key:
            quoted[str(context.targeting_key)] = context.targeting_key
        # The longest first: one may be a part of another.
        for quote in sorted(filter(None, quoted), key=len, reverse=True):
            word = re.escape(quote) if len(quote) > _SHORT else rf"(?<!\w){re.escape(quote)}(?!\w)"
            text = re.sub(word, self._hashed(quoted[quote]), text)
        return text

    def _hashed(self, value: object) -> str:
        try:
            text = f"{type(value).__name__}:{value!r}".encode(errors="backslashreplace")
        except Exception:  # noqa: BLE001  # whatever programs put into contexts: too deep, an object without words
            return UNSHOWN
        return "#" + hmac.new(self._key, text, hashlib.sha256).hexdigest()[:_DIGITS]


def plain(value: Any) -> Any:
    """Return *value* as JSON can hold it; it may be the caller's own and change later."""
    try:
        return _plain(value)
    except Exception:  # noqa: BLE001  # as above
        return UNSHOWN


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {well_formed(str(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, int) and abs(value) > _LARGEST:
        return str(value)
    return value if value is None or isinstance(value, int | float) else well_formed(str(value))


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the texts and numbers in *value*, of which there may be many: the first ones."""
    open_ends, left = [value], _LEAVES
    while open_ends and left:
        left -= 1
        found = open_ends.pop()
        if isinstance(found, dict | list | tuple):
            open_ends += found.values() if isinstance(found, dict) else found
        elif isinstance(found, str | int | float) and not isinstance(found, bool):
            yield found
