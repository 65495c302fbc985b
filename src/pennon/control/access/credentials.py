"""Tokens and key secrets: how they look, and what is stored of them. Pure but for chance."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Literal

import msgspec

from pennon.control.access.permissions import Grant
from pennon.control.log import Actor
from pennon.model import KeyKind
from pennon.model.flags import Wire

SHOWN_DIGITS = 12
"""How much of a hash people need to type or see to name a token or a key."""

_SECRET_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{1,64}")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Token(Wire, frozen=True, kw_only=True):
    """A token for the admin API. An item (`token`) of the installation's log; its key is the SHA-256 of the secret.

    A token with a `project` acts in that project only, and with `environments`, in these of it. `scopes` limits it to
    some of the permissions that its role gives; None: all of them. `not_after` is epoch seconds, None for ever.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str
    role: str
    project: str | None = None
    environments: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    not_after: int | None = None
    revoked: bool = False

    @property
    def actor(self) -> Actor:
        """Who makes a change with this token."""
        return Actor("token", self.key[:SHOWN_DIGITS], self.name)

    def is_good(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor past its time."""
        return not self.revoked and (self.not_after is None or now.timestamp() < self.not_after)

    @property
    def grant(self) -> Grant:
        """The role that it holds, and where."""
        return Grant(role=self.role, project=self.project, environments=self.environments)


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be created. See `Token`."""

    name: str
    role: str
    project: str | None = None
    environments: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    not_after: int | None = None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be created. `origins` are those of the pages that may use a client key; none: any.

    A client key that is to `require_signature` gets a signing secret.
    """

    kind: KeyKind
    name: str = ""
    origins: tuple[str, ...] = ()
    not_after: int | None = None
    require_signature: bool = False


def new_secret(kind: Literal["token", "signing"] | KeyKind) -> str:
    """Return a new random secret: `pennon_{kind}_` and 43 characters, 256 bits."""
    return f"pennon_{kind}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def secret_hash(secret: str) -> str:
    """Return what is stored of a secret: its SHA-256 in hex.

    Secrets are random and long, so that no slow hash is needed; and looking one up by its hash tells by its timing
    nothing about any secret.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def is_hash_prefix(text: str) -> bool:
    """Return whether *text* can be the beginning of a hash."""
    return _HASH.fullmatch(text) is not None


def origin_fault(text: str) -> str | None:
    """Return why *text* is not an origin as browsers send it (`https://shop.example:8443`), None if it is one."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return "is not an origin: scheme, host and perhaps port, in lower case, and nothing behind them"
    if match["port"] is None:
        return None
    port = int(match["port"])
    if not 0 < port <= 65535 or match["port"] != str(port):
        return "has no valid port"
    return "names the default port, which browsers leave out" if port == _DEFAULT_PORTS[match["scheme"]] else None
