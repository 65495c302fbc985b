"""Where webhooks lead, and what their deliveries are signed by: sealed, outside the log, which is shown to readers."""

import secrets
from datetime import datetime
from typing import Protocol

import msgspec

from pennon.control.errors import Conflict
from pennon.model import DECODE_ERRORS


class Safe(Protocol):
    """Keeps what is sealed by name. All raise `Unavailable`."""

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep *sealed*."""

    def find(self, key: str) -> bytes | None:
        """Return what is kept; None if nothing is."""

    def forget(self, key: str) -> None:
        """Keep nothing any more."""


class Sealer(Protocol):
    """Seals texts by a secret that is not in the database. See `pennon.control.signing.sealing.Secret`."""

    def seal_text(self, name: str, text: bytes) -> bytes:
        """Return *text*, to be opened for *name* only."""

    def open_text(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed for *name*. Raises `Conflict` if it was not, or not by this secret."""


class SigningSecret(msgspec.Struct, frozen=True):
    """A secret, and until when it signs beside a newer one (epoch seconds)."""

    secret: str
    not_after: int | None = None


class Contents(msgspec.Struct, frozen=True):
    """What is sealed of a webhook: its URL, and its secrets, the newest first."""

    url: str
    secrets: tuple[SigningSecret, ...]

    def keys(self, now: datetime) -> list[str]:
        """Return the secrets that sign now."""
        at = now.timestamp()
        return [each.secret for each in self.secrets if each.not_after is None or at < each.not_after]


class Vault:
    """Keeps the contents of webhooks. What is there is never altered: another content has another name."""

    def __init__(self, safe: Safe, sealer: Sealer) -> None:
        self._safe = safe
        self._sealer = sealer

    def keep(self, contents: Contents) -> str:
        """Keep *contents* and return under which name. Raises `Unavailable`."""
        name = secrets.token_hex(16)
        self._safe.keep(_key(name), self._sealer.seal_text(_key(name), msgspec.json.encode(contents)))
        return name

    def open(self, name: str) -> Contents:
        """Return what is kept under *name*. Raises `Conflict` if it is gone or cannot be opened, and `Unavailable`."""
        if (sealed := self._safe.find(_key(name))) is None:
            raise Conflict("the URL of this webhook is gone", mend="give it again, or delete the webhook")
        try:
            return msgspec.json.decode(self._sealer.open_text(_key(name), sealed), type=Contents)
        except DECODE_ERRORS as error:
            raise Conflict("the URL of this webhook cannot be read", mend="give it again") from error

    def forget(self, name: str) -> None:
        """Keep nothing under *name*. Raises `Unavailable`."""
        self._safe.forget(_key(name))


def _key(name: str) -> str:
    return f"webhook:{name}"
