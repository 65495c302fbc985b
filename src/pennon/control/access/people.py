"""Accounts and sessions: what is known of people, and of how they are signed in. Pure but for chance."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from pennon.control.access.permissions import Grant
from pennon.control.log import Actor
from pennon.model.flags import Wire

SESSION_IDLE = timedelta(hours=12)
"""How long a session lasts that is not used."""
SESSION_LONGEST = timedelta(days=7)
"""How long a session lasts at most."""
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1024
COOKIE, SECURE_COOKIE = "pennon_session", "__Host-pennon_session"
"""What the secret of a session is kept under: the second where pages come over TLS, and no other host can set it."""

_SECRET_BYTES = 32
_PASSWORD_BYTES = 15

EntryWay: TypeAlias = Literal["password", "provider"]
"""How somebody was let in."""


class Identity(Wire, frozen=True):
    """Whom an identity provider knows: its issuer, and its name for the person, which it never gives another."""

    issuer: str
    subject: str


class Account(Wire, frozen=True, kw_only=True):
    """A person. An item (`account`) of the installation's log; its key is what he signs in with.

    Passwords and sessions are elsewhere: the log is kept for ever. One that is disabled is let in no more. An
    `emergency` account may come in by its password also where everybody else has to come by the identity provider;
    `emergency_used_at` (epoch seconds) is when it last did. `provider_grants` are what the provider's groups gave when
    the person last came by it, beside the `grants` that people gave here.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    email: str = ""
    grants: tuple[Grant, ...] = ()
    disabled: bool = False
    emergency: bool = False
    identity: Identity | None = None
    provider_grants: tuple[Grant, ...] = ()
    emergency_used_at: int | None = None

    @property
    def holds(self) -> tuple[Grant, ...]:
        """Every role that it holds, and where."""
        return self.grants + self.provider_grants

    @property
    def actor(self) -> Actor:
        """Who makes a change with this account."""
        return Actor("account", self.key, self.name or self.key)


class Session(msgspec.Struct, frozen=True):
    """That somebody is signed in. `key` is the SHA-256 of the secret in his cookie."""

    key: str
    account: str
    created: datetime
    seen: datetime
    how: EntryWay = "password"

    def is_good(self, now: datetime) -> bool:
        """Return whether it has not run out."""
        return now < self.ends

    @property
    def ends(self) -> datetime:
        """When it runs out unless it is used meanwhile."""
        return min(self.seen + SESSION_IDLE, self.created + SESSION_LONGEST)


def account_stamp(key: str) -> str:
    """Return what an account is called among what was used last: no hash of a token or key looks like it."""
    return f"account:{key}"


def new_session_secret() -> str:
    """Return what a browser is to keep: 256 bits, made anew for each sign-in, so that nobody can choose one before."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_password() -> str:
    """Return a password of 120 bits, in groups that one can read aloud."""
    digits = secrets.token_hex(_PASSWORD_BYTES)
    return "-".join(digits[at : at + 5] for at in range(0, len(digits), 5))


def session_key(secret: str) -> str:
    """Return what is stored of a session's secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def csrf_token(secret: str) -> str:
    """Return what a page has to send along with what it changes.

    Pages of other sites can make a browser send the cookie, and cannot read it: they cannot say this.
    """
    return hmac.new(secret.encode(errors="surrogatepass"), b"pennon csrf", hashlib.sha256).hexdigest()


def masked(token: str) -> str:
    """Return a token of pages in one of its many forms, each as good.

    A page is compressed, and has in it what its address says: with one form only, whoever chooses the address and sees
    how long the answer is could guess the token letter by letter (BREACH).
    """
    bare = bytes.fromhex(token)
    mask = secrets.token_bytes(len(bare))
    return mask.hex() + _mixed(mask, bare).hex()


def is_csrf_token(secret: str, given: str) -> bool:
    """Return whether *given* is the token of a session, perhaps masked, in a time that does not say how near it is."""
    expected = csrf_token(secret)
    if len(given) == 2 * len(expected):
        try:
            mask, other = (bytes.fromhex(given[at : at + len(expected)]) for at in (0, len(expected)))
            given = _mixed(mask, other).hex()
        except ValueError:  # not hexadecimal, or blanks between
            return False
    return hmac.compare_digest(expected.encode(), given.encode(errors="surrogatepass"))


def _mixed(mask: bytes, other: bytes) -> bytes:
    return bytes(one ^ another for one, another in zip(mask, other, strict=True))
