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


def session_key(secret: str) -> str:
    """Return what is stored of a session's secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def csrf_token(secret: str) -> str:
    """Return what a page has to send along with what it changes.

    Pages of other sites can make a browser send the cookie, and cannot read it: they cannot say this.
    """
    return hmac.new(secret.encode(errors="surrogatepass"), b"pennon csrf", hashlib.sha256).hexdigest()


def is_csrf_token(secret: str, given: str) -> bool:
    """Return whether *given* is the token of a session, in a time that says nothing of how near it is."""
    return hmac.compare_digest(csrf_token(secret).encode(), given.encode(errors="surrogatepass"))
