"""Tokens and key secrets: how they look, what is stored of them, and what a token allows. Pure but for chance."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from pennon.control.errors import Forbidden
from pennon.control.log import Actor
from pennon.model import KeyKind
from pennon.model.flags import Wire

Role: TypeAlias = Literal["reader", "developer", "administrator"]
"""Each may do what those before it may: look; change flags; change projects, environments, keys and tokens."""
ROLES: tuple[Role, ...] = ("reader", "developer", "administrator")
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

    A token with a `project` acts in that project only. `not_after` is epoch seconds, None for ever.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str
    role: Role
    project: str | None = None
    not_after: int | None = None
    revoked: bool = False

    @property
    def actor(self) -> Actor:
        """Who makes a change with this token."""
        return Actor("token", self.key[:SHOWN_DIGITS], self.name)

    def is_good(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor past its time."""
        return not self.revoked and (self.not_after is None or now.timestamp() < self.not_after)

    def allows(self, role: Role, project: str | None) -> bool:
        """Return whether its holder may do what takes *role* in *project*; None: what belongs to no project."""
        return ROLES.index(self.role) >= ROLES.index(role) and self.project in (None, project)

    def require(self, role: Role, project: str | None) -> None:
        """Raise `Forbidden` unless the token allows it, saying what it would take."""
        if self.allows(role, project):
            return
        if self.project not in (None, project):
            where = f"project {project!r}" if project else "the installation"
            raise Forbidden(f"this token acts in project {self.project!r} only, not in {where}")
        raise Forbidden(f"this takes the role {role}, and the token has the role {self.role}")


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be created. See `Token`."""

    name: str
    role: Role
    project: str | None = None
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
