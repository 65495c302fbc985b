"""How people get in: passwords, sessions, and what is done about those who guess."""

import base64
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION
from msgspec.structs import replace

from pennon.control.access import views
from pennon.control.access.credentials import is_hash_prefix
from pennon.control.access.people import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    Account,
    EntryWay,
    Session,
    new_session_secret,
    session_key,
)
from pennon.control.clock import Clock
from pennon.control.errors import Conflict, Invalid, NotFound, TooManyAttempts, Unauthenticated
from pennon.control.log import INSTALLATION, ChangeLog

FREE_FAILURES, FREE_OF_AN_ADDRESS, FREE_OF_AN_ACCOUNT = 5, 20, 50
"""How often a password may be wrong before one has to wait."""
FORGOTTEN_AFTER = timedelta(minutes=15)
"""After how long without another failure those before count no more."""
LONGEST_WAIT = timedelta(minutes=15)
_SEEN_EVERY = timedelta(minutes=1)
_AT_ONCE = 4

logger = structlog.get_logger(__name__)


class DoorStore(Protocol):
    """Keeps passwords, sessions and failed attempts. Outside the log: none of these is a change."""

    def password(self, account: str) -> str | None:
        """Return the hash of an account's password; None if it has none."""

    def keep_password(self, account: str, password: str, time: datetime) -> None:
        """Keep the hash of an account's password."""

    def session(self, key: str) -> Session | None:
        """Return a session."""

    def keep_session(self, session: Session) -> None:
        """Keep a session, in the place of the one with its key. Those that have run out are swept."""

    def end_session(self, key: str) -> None:
        """Keep a session no more."""

    def sessions(self, account: str | None = None) -> list[Session]:
        """Return the sessions of an account, or (None) of everybody, the last seen first; also those that ran out."""

    def close_sessions(self, account: str | None) -> None:
        """End every session of an account, or (None) of everybody."""

    def shut(self, account: str) -> None:
        """End every session of an account, and let nobody in by its password any more."""

    def failures(self, key: str) -> tuple[int, datetime] | None:
        """Return how often something failed, and when it did last."""

    def keep_failures(self, key: str, count: int, time: datetime) -> None:
        """Keep that; 0: forget it."""


def nobodys(hasher: PasswordHasher) -> str:
    """Return a hash as *hasher* writes them, which takes as long to check and which no password has.

    It is drawn, not worked out: that would cost every start of a server what a sign-in costs.
    """
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


class SignIns:
    """Lets people in by a password, and knows who is in.

    Passwords are hashed with Argon2id (RFC 9106, its second recommended choice). Who guesses waits, twice as long with
    each failure more, a quarter of an hour at most: after five for an account from one address, twenty from an address,
    and fifty for an account from wherever, so that a stranger cannot easily keep somebody out.
    """

    def __init__(  # who is let in how
        self,
        log: ChangeLog,
        clock: Clock,
        store: DoorStore,
        *,
        hasher: PasswordHasher | None = None,
        provider: str | None = None,
    ) -> None:
        """With the name of a *provider*, everybody comes by that, and passwords are for emergency accounts."""
        self._log = log
        self._provider = provider
        self._clock = clock
        self._store = store
        self._hasher = hasher or PasswordHasher()
        # One takes 64 MiB: those who knock together must not take the server's memory.
        self._hashing = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = nobodys(self._hasher)

    @property
    def takes_emergencies_only(self) -> bool:
        """Whether a password is good for emergency accounts only."""
        return self._provider is not None

    def set_password(self, account: str, password: str) -> None:
        """Make *password* that of an account, and end its sessions. Raises `Invalid` and `NotFound`."""
        with self._log.reading() as reading:
            views.account(reading, account)
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            mend = f"write {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
            raise Invalid.at("/password", "is too short or too long", mend)
        if account.lower() in password.lower() and len(password) < 2 * SHORTEST_PASSWORD:
            raise Invalid.at("/password", "has the account's name in it", "write another one")
        with self._hashing:
            hashed = self._hasher.hash(password)
        self._store.keep_password(account, hashed, self._clock.now())
        self._store.close_sessions(account)

    def sign_in(self, account: str, password: str, *, address: str) -> str:
        """Let somebody in, and return the secret of the new session.

        Raises `Unauthenticated`, with the same words whatever is wrong, and `TooManyAttempts`.
        """
        now = self._clock.now()
        with self._slowing(account, address, now):
            known = self._known(account, password)
            if known is None or (self._provider is not None and not known.emergency):
                another = f"sign in by {self._provider}" if self._provider else "ask for a new one"
                raise Unauthenticated("the account or the password is not right", mend=f"try again, or {another}")
        if known.emergency:
            self._tell(known, address, now)
        return self.let_in(known, how="password")

    def let_in(self, account: Account, *, how: EntryWay) -> str:
        """Let in who has shown that he is *account*, and return the secret of the new session."""
        now, secret = self._clock.now(), new_session_secret()
        self._store.keep_session(Session(session_key(secret), account.key, now, now, how))
        return secret

    def session(self, secret: str) -> tuple[Session, Account]:
        """Return whose session this is. Raises `Unauthenticated` for one that is over, and for an account that is."""
        now = self._clock.now()
        session = self._store.session(session_key(secret))
        if session is not None and session.is_good(now):
            with self._log.reading() as reading:
                account = views.find_account(reading, session.account)
            if account is not None and not account.disabled:
                return self._seen(session, now), account
        raise Unauthenticated("the session is over", mend="sign in again")

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._store.end_session(session_key(secret))

    def sessions(self, account: str | None = None) -> list[Session]:
        """Return who is in, or (with *account*) where somebody is, the last seen first."""
        now = self._clock.now()
        return [each for each in self._store.sessions(account) if each.is_good(now)]

    def end_session(self, prefix: str) -> None:
        """End a session, named by the first digits of its hash. Raises `NotFound`, `Conflict` if there are several."""
        found = [each.key for each in self.sessions() if each.key.startswith(prefix)] if is_hash_prefix(prefix) else []
        if not found:
            raise NotFound("session", prefix, mend="name it by the first digits of its hash")
        if len(found) > 1:
            raise Conflict(f"several sessions start with {prefix}", mend="give more digits")
        self._store.end_session(found[0])

    def sign_out_everywhere(self, account: str | None = None) -> None:
        """End every session of an account, or (None) of everybody. Raises `NotFound`."""
        if account is not None:
            with self._log.reading() as reading:
                views.account(reading, account)
        self._store.close_sessions(account)

    def is_password(self, account: str, password: str, *, address: str) -> bool:
        """Return whether this is the account's password. Raises `TooManyAttempts`."""
        now = self._clock.now()
        try:
            with self._slowing(account, address, now):
                if self._known(account, password) is None:
                    raise Unauthenticated("the password is not right")
        except Unauthenticated:
            return False
        return True

    def _known(self, account: str, password: str) -> Account | None:
        """Return the account if the password is its. Takes as long for one that there is not."""
        with self._log.reading() as reading:
            found = views.find_account(reading, account)
        hashed = self._store.password(account) if found is not None else None
        try:
            with self._hashing:
                self._hasher.verify(hashed or self._nobody, password[: LONGEST_PASSWORD + 1])
        except (Argon2Error, InvalidHashError):
            return None
        return found if hashed is not None and found is not None and not found.disabled else None

    def _tell(self, account: Account, address: str, now: datetime) -> None:
        """Tell everybody that an emergency account came in: in the log, and in the change log that others follow."""
        logger.error("an emergency account signed in", account=account.key, address=address)
        why = f"signed in by its password from {address}"
        with self._log.writing(INSTALLATION, by=account.actor, action="useEmergencyAccount", why=why) as writing:
            current = views.account(writing, account.key)
            writing.put(INSTALLATION, "account", replace(current, emergency_used_at=int(now.timestamp())))

    def _seen(self, session: Session, now: datetime) -> Session:
        if not now - session.seen > _SEEN_EVERY:
            return session
        seen = replace(session, seen=now)
        self._store.keep_session(seen)
        return seen

    @contextmanager
    def _slowing(self, account: str, address: str, now: datetime) -> Iterator[None]:
        with (
            self._counted(f"account:{account} address:{address}", FREE_FAILURES, now),
            self._counted(f"address:{address}", FREE_OF_AN_ADDRESS, now),
            self._counted(f"account:{account}", FREE_OF_AN_ACCOUNT, now),
        ):
            yield

    @contextmanager
    def _counted(self, key: str, free: int, now: datetime) -> Iterator[None]:
        count, last = self._store.failures(key) or (0, now)
        if now - last > FORGOTTEN_AFTER:
            count = 0
        if count >= free:
            wait = min(timedelta(seconds=2 ** min(count - free, 20)), LONGEST_WAIT)
            if now < last + wait:
                raise TooManyAttempts(last + wait - now)
        try:
            yield
        except Unauthenticated:
            self._store.keep_failures(key, count + 1, now)
            if count + 1 == free:
                logger.warning("signing in has failed often", what=key.partition(":")[0], times=count + 1)
            raise
        if count:
            self._store.keep_failures(key, 0, now)
