"""What a browser keeps, sealed: a sign-in while it is at the provider, and why one came to nothing."""

import base64
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pennon.control.access.landing import local_path
from pennon.control.errors import SignInUnfinished

LASTS_S = 600
"""How long somebody may take at the provider."""
_NONCE_BYTES = 12
_CHANCE_BYTES = 32
_PURPOSE = b"pennon sign-in: 1"
_REFUSAL = b"pennon refusal: 1"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What only this server and this browser know of a sign-in: of that browser, of that answer, of whoever asked."""

    state: str
    nonce: str
    verifier: str
    target: str
    begun: int

    @classmethod
    def new(cls, target: str, *, now: int) -> "Pending":
        """Return a sign-in that begins at *now* (epoch seconds) and ends at *target*, a path of this server."""
        state, nonce, verifier = (secrets.token_urlsafe(_CHANCE_BYTES) for _ in range(3))
        return cls(state=state, nonce=nonce, verifier=verifier, target=local_path(target), begun=now)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody was not let in, as the sign-in page says it. `status` is that of the answer to a program."""

    message: str
    mend: str
    status: int
    time: int


class Seal:
    """Seals what a browser keeps by a *secret* of 32 bytes that all servers of an installation share."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = ChaCha20Poly1305(secret)

    def close(self, pending: Pending) -> str:
        """Return *pending* as text that nobody else can read or make."""
        return self._closed(pending, _PURPOSE)

    def open(self, text: str, *, now: int) -> Pending:
        """Return what was sealed. Raises `SignInUnfinished` for what was not, or too long before *now*."""
        try:
            pending = msgspec.json.decode(self._opened(text, _PURPOSE), type=Pending)
        except (InvalidTag, ValueError) as error:
            raise SignInUnfinished("this sign-in was not begun here", mend="begin again") from error
        if not pending.begun <= now < pending.begun + LASTS_S:
            raise SignInUnfinished(f"this sign-in took more than {LASTS_S // 60} minutes", mend="begin again")
        return pending

    def close_refusal(self, refusal: Refusal) -> str:
        """Return *refusal* as a code that an address can carry: nobody else can make the page say anything."""
        return self._closed(refusal, _REFUSAL)

    def open_refusal(self, code: str, *, now: int) -> Refusal | None:
        """Return what was sealed; None for what was not, or too long before *now*."""
        try:
            refusal = msgspec.json.decode(self._opened(code, _REFUSAL), type=Refusal)
        except (InvalidTag, ValueError):
            return None
        return refusal if refusal.time <= now < refusal.time + LASTS_S else None

    def _closed(self, what: msgspec.Struct, purpose: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(what), purpose)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _opened(self, text: str, purpose: bytes) -> bytes:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
