"""What there is of tokens and keys, for pages and for other nouns. Secrets are nowhere."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from pennon.control.access.credentials import Token, is_hash_prefix
from pennon.control.access.people import Account, Identity
from pennon.control.access.permissions import BUILT_IN, Principal, Role, Where, resolved
from pennon.control.errors import Conflict, Forbidden, NotFound
from pennon.control.log import INSTALLATION, Actor, EnvironmentName, Reading, Stored, project_log
from pennon.model import KeyRecord
from pennon.model.flags import Wire


class _Marked(Wire, frozen=True):
    """What there is to know of an environment here: the noun itself is of a layer above."""

    production: bool = False


def tokens(reading: Reading, *, after: str | None = None, limit: int | None = None) -> list[Token]:
    """Return tokens in the order of their hashes, revoked and expired ones too."""
    return [stored.read(Token) for stored in reading.items(INSTALLATION, "token", after=after, limit=limit)]


def token(reading: Reading, prefix: str) -> Token:
    """Return the token whose hash starts with *prefix*. Raises `NotFound`, or `Conflict` if there are several."""
    return _by_prefix(reading, INSTALLATION, "token", prefix).read(Token)


def accounts(reading: Reading) -> list[Account]:
    """Return accounts in the order of their keys, disabled ones too."""
    return [stored.read(Account) for stored in reading.items(INSTALLATION, "account")]


def account(reading: Reading, key: str) -> Account:
    """Return an account. Raises `NotFound`."""
    if (found := find_account(reading, key)) is None:
        raise NotFound("account", key)
    return found


def find_account(reading: Reading, key: str) -> Account | None:
    """Return an account; None if there is none of this key."""
    stored = reading.item(INSTALLATION, "account", key)
    return None if stored is None else stored.read(Account)


def account_of(reading: Reading, identity: Identity) -> Account | None:
    """Return the account of whom a provider knows; None if nobody came from there yet."""
    found = reading.items_with(INSTALLATION, "account", msgspec.json.encode(identity.subject))
    accounts = (stored.read(Account) for stored in found)
    return next((each for each in accounts if each.identity == identity), None)


def administrators(found: Iterable[Account], known: Iterable[Role]) -> list[Account]:
    """Return who of *found* can say who may do what: without one of them, only a token lets anybody change that."""
    by_key = {each.key: each for each in known}
    enabled = (each for each in found if not each.disabled)
    everywhere = Where()
    return [
        each for each in enabled if Principal(each.actor, resolved(each.holds, by_key)).may("access.manage", everywhere)
    ]


def role(reading: Reading, key: str) -> Role:
    """Return a role, built in or custom. Raises `NotFound`."""
    if (built_in := BUILT_IN.get(key)) is not None:
        return built_in
    if (found := reading.item(INSTALLATION, "role", key)) is None:
        raise NotFound("role", key)
    return found.read(Role)


def roles(reading: Reading) -> list[Role]:
    """Return the built-in roles, from the least to the most, and the custom ones in the order of their keys."""
    return [*BUILT_IN.values(), *(stored.read(Role) for stored in reading.items(INSTALLATION, "role"))]


def principal_of(reading: Reading, found: Token | Account) -> Principal:
    """Return what the holder of a token, or an account, may do."""
    known = {each.key: each for each in roles(reading)}
    if isinstance(found, Account):
        return Principal(found.actor, () if found.disabled else resolved(found.holds, known))
    scopes = None if found.scopes is None else frozenset(found.scopes)
    return Principal(found.actor, resolved([found.grant], known), scopes)


def principal(reading: Reading, actor: Actor, *, now: datetime) -> Principal | None:
    """Return what *actor* may do *now*; None: everything, for it is Pennon itself.

    Raises `Forbidden` for somebody who is not there any more, and for a token that is revoked or past its time: what
    it asked for may be done later, as by a schedule.
    """
    if actor.kind == "system":
        return None
    kind, id_ = actor.who
    try:
        found = account(reading, id_) if kind == "account" else token(reading, id_)
    except NotFound as error:
        raise Forbidden(f"the {actor.kind} {actor.name!r} is not there any more") from error
    if isinstance(found, Token) and not found.is_good(now):
        raise Forbidden(f"the token {found.name!r} is revoked or past its time")
    return principal_of(reading, found)


def place(reading: Reading, project: str | None, environment: str | None = None) -> Where:
    """Return where something is to be done. What is not there is no production."""
    if project is None or environment is None:
        return Where(project)
    stored = reading.item(project_log(project), "environment", environment)
    return Where(project, environment, stored is not None and stored.read(_Marked).production)


def keys(
    reading: Reading, environment: EnvironmentName, *, after: str | None = None, limit: int | None = None
) -> list[KeyRecord]:
    """Return an environment's keys in the order of their hashes, revoked and expired ones too."""
    return [stored.read(KeyRecord) for stored in reading.items(environment.log, "key", after=after, limit=limit)]


def key(reading: Reading, environment: EnvironmentName, prefix: str) -> KeyRecord:
    """Return the key whose hash starts with *prefix*. Raises `NotFound`, or `Conflict` if there are several."""
    return _by_prefix(reading, environment.log, "key", prefix).read(KeyRecord)


def environments_of_key(reading: Reading, key_hash: str) -> list[EnvironmentName]:
    """Return every environment that the key with this hash was given. Only edge keys have several."""
    logs = [log for log in reading.heads("environments/") if reading.item(log, "key", key_hash) is not None]
    return [EnvironmentName(*log.split("/")[1:]) for log in logs]


def _by_prefix(reading: Reading, log: str, kind: str, prefix: str) -> Stored:
    if not is_hash_prefix(prefix):
        raise NotFound(kind, prefix, mend="name it by its hash, or by the hash's first digits")
    if (whole := reading.item(log, kind, prefix)) is not None:
        return whole
    found = [item for item in reading.items(log, kind, after=prefix, limit=2) if item.key.startswith(prefix)]
    if not found:
        raise NotFound(kind, prefix)
    if len(found) > 1:
        raise Conflict(f"several hashes start with {prefix}", mend="give more digits")
    return found[0]
