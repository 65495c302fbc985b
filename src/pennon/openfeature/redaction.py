"""What may be shown of a context: who asked is told apart but not named."""

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Any

from openfeature.evaluation_context import EvaluationContext

_DIGITS = 12


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
        for name, value in context.attributes.items():
            if name in self._show and name != "targetingKey":
                shown[name] = _plain(value)
            elif not self._drop:
                shown[name] = self._hashed(value)
        return shown

    def _hashed(self, value: object) -> str:
        text = f"{type(value).__name__}:{value!r}".encode(errors="backslashreplace")
        return "#" + hmac.new(self._key, text, hashlib.sha256).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    """Return *value* as JSON can hold it; it may be the caller's own and change later."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
