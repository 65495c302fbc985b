"""Commands on tokens, and finding the token that a request came with."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from pennon.control.access.credentials import NewToken, Token, new_secret, secret_hash
from pennon.control.access.permissions import PERMISSIONS
from pennon.control.access.views import roles, tokens
from pennon.control.access.views import token as find_token
from pennon.control.clock import Clock
from pennon.control.errors import Conflict, Unauthenticated, Unavailable
from pennon.control.log import (
    INSTALLATION,
    SYSTEM,
    Actor,
    ChangeLog,
    Idempotency,
    Outcome,
    Reading,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept, name_problems
from pennon.model import Problem, pointer

STAMP_EVERY = timedelta(minutes=1)
"""How exact last-used times are. Exacter ones would make every request a write."""
_FIRST_NAME = "first administrator"

logger = structlog.get_logger(__name__)


class LastUsed(Protocol):
    """Remembers when tokens and keys were used last. Outside the log, for using one is not a change."""

    def stamp(self, key: str, time: datetime) -> None:
        """Note that the token or key with this hash was used. Times never go back. Raises `Unavailable`."""

    def times(self, keys: Iterable[str]) -> Mapping[str, datetime]:
        """Return when each was used last; those never used are left out."""


class IssuedToken(msgspec.Struct, frozen=True):
    """A new token. `secret` is shown this once; None where the same command had been accepted before."""

    token: Token
    secret: str | None
    outcome: Outcome


class TokenService:
    """Creates, revokes and finds tokens of the admin API."""

    def __init__(self, log: ChangeLog, clock: Clock, last_used: LastUsed) -> None:
        self._log = log
        self._clock = clock
        self._last_used = last_used
        self._stamped: dict[str, datetime] = {}

    def ensure_first_token(self) -> str | None:
        """Make an administrator's token if there never was a token, and return its secret; else None."""
        secret = new_secret("token")
        token = Token(key=secret_hash(secret), name=_FIRST_NAME, role="administrator")
        with self._log.writing(INSTALLATION, by=SYSTEM, action="createFirstToken") as writing:
            writing.open(INSTALLATION)
            if writing.count(INSTALLATION, "token"):
                return None
            writing.put(INSTALLATION, "token", token)
        return secret

    def create_token(
        self, new: NewToken, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> IssuedToken:
        """Create a token. Raises `Invalid` for a project that is not there or a time that has passed."""
        secret: str | None = new_secret("token")
        token = Token(key=secret_hash(str(secret)), **msgspec.structs.asdict(new))
        with self._log.writing(INSTALLATION, by=by, action="createToken", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                writing.open(INSTALLATION)
                accept(self._problems(writing, new))
                writing.put(INSTALLATION, "token", token)
        if writing.replayed:
            secret, token = None, self._first_time(writing.changes_made[INSTALLATION].edits[0].key)
        outcome = outcome_of(writing, INSTALLATION, ("token", token.key))
        return IssuedToken(outcome.item.read(Token) if outcome.item else token, secret, outcome)

    def revoke_token(self, prefix: str, *, by: Actor, why: str = "", idempotency: Idempotency | None = None) -> Outcome:
        """Make a token, named by its hash or the hash's first digits, worthless from now on.

        Raises `NotFound`, and `Conflict` for the last token that can make others: nobody could get in any more.
        """
        with self._log.writing(INSTALLATION, by=by, action="revokeToken", why=why, idempotency=idempotency) as writing:
            token = find_token(writing, prefix)
            if not writing.replayed:
                self._keep_an_administrator(writing, token)
                writing.put(INSTALLATION, "token", msgspec.structs.replace(token, revoked=True))
        return outcome_of(writing, INSTALLATION, ("token", token.key))

    def authenticate(self, secret: str) -> Token:
        """Return the token with this secret. Raises `Unauthenticated`."""
        now = self._clock.now()
        with self._log.reading() as reading:
            stored = reading.item(INSTALLATION, "token", secret_hash(secret))
        token = stored.read(Token) if stored else None
        if token is None or not token.is_good(now):
            # The same words for all three: a stranger learns nothing of tokens that once were.
            raise Unauthenticated(
                "the token is unknown, expired or revoked", mend="send a valid one as Authorization: Bearer"
            )
        self._stamp(token.key, now)
        return token

    def _problems(self, reading: Reading, new: NewToken) -> Iterator[Problem]:
        yield from name_problems(new.name)
        if not new.name.strip():
            yield Problem("/name", "a token needs a name", "say who or what uses it")
        if new.role not in (known := [role.key for role in roles(reading)]):
            yield Problem("/role", f"there is no role {new.role!r}", f"write one of {', '.join(known)}")
        if new.project is not None and reading.item(INSTALLATION, "project", new.project) is None:
            yield Problem("/project", f"there is no project {new.project!r}", "create it first, or leave it out")
        yield from _place_problems(reading, new)
        for at, scope in enumerate(new.scopes or ()):
            if scope not in PERMISSIONS:
                message, mend = f"there is no permission {scope!r}", f"write one of {', '.join(PERMISSIONS)}"
                yield Problem(pointer("scopes", at), message, mend)
        if new.not_after is not None and new.not_after <= self._clock.now().timestamp():
            yield Problem("/notAfter", "this time has passed", "give a time to come, in seconds since 1970")

    def _first_time(self, key: str) -> Token:
        with self._log.reading() as reading:
            return find_token(reading, key)

    def _keep_an_administrator(self, reading: Reading, revoked: Token) -> None:
        now = self._clock.now()
        others = (token for token in tokens(reading) if token.key != revoked.key and token.is_good(now))
        if revoked.is_good(now) and _is_lasting(revoked) and not any(_is_lasting(token) for token in others):
            raise Conflict(
                "this is the last administrator's token of the installation", mend="create another one first"
            )

    def _stamp(self, key: str, now: datetime) -> None:
        stamped = self._stamped.get(key)
        if stamped is not None and stamped <= now < stamped + STAMP_EVERY:
            return
        self._stamped[key] = now
        try:
            self._last_used.stamp(key, now)
        except Unavailable as error:  # who may read may still read while nothing can be written
            logger.warning("last use of a token not noted", error=str(error))


def _place_problems(reading: Reading, new: NewToken) -> Iterator[Problem]:
    if new.environments and new.project is None:
        yield Problem("/environments", "environments belong to a project", "name the project, or leave them out")
        return
    for at, key in enumerate(new.environments):
        if reading.item(project_log(new.project or ""), "environment", key) is None:
            message = f"there is no environment {key!r} in project {new.project!r}"
            yield Problem(pointer("environments", at), message, "create it first, or leave it out")


def _is_lasting(token: Token) -> bool:
    is_whole = token.project is None and token.scopes is None
    return token.role == "administrator" and is_whole and token.not_after is None
