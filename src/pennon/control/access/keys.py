"""Commands on the keys of environments. A key's record is an item of each environment that it opens."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import get_args

import msgspec

from pennon.control.access import views
from pennon.control.access.credentials import NewKey, new_secret, origin_fault, secret_hash
from pennon.control.clock import Clock
from pennon.control.errors import Conflict, Invalid, NotFound
from pennon.control.log import (
    INSTALLATION,
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept, name_problems
from pennon.model import KeyKind, KeyRecord, Problem, pointer

MOST_ORIGINS = 100
LONGEST_OVERLAP = timedelta(days=90)


class IssuedKey(msgspec.Struct, frozen=True):
    """A new key. `secret` is shown this once; None where the same command had been accepted before.

    So is the `signing_secret` in its record.
    """

    record: KeyRecord
    secret: str | None
    outcome: Outcome


class KeyService:
    """Creates, rotates and revokes keys. Several environments change under one change id."""

    def __init__(self, log: ChangeLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def create_key(
        self,
        environments: Sequence[EnvironmentName],
        new: NewKey,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> IssuedKey:
        """Create a key that opens *environments*: one, or for an edge key several; the outcome is of the first.

        Raises `NotFound` for an environment that is not there, and `Invalid`.
        """
        accept(self._problems(environments, new))
        secret = new_secret(new.kind)
        record = KeyRecord(
            key=secret_hash(secret),
            kind=new.kind,
            name=new.name,
            origins=new.origins,
            not_after=new.not_after,
            signing_secret=new_secret("signing") if new.require_signature else "",
        )
        logs = [environment.log for environment in environments]
        with self._log.writing(*logs, by=by, action="createKey", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                for environment in environments:
                    _require(writing, environment)
                    writing.put(environment.log, "key", record)
        return _issued(writing, logs[0], secret)

    def rotate_key(
        self,
        environment: EnvironmentName,
        prefix: str,
        *,
        overlap: timedelta,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> IssuedKey:
        """Create a key like the one named by the first digits of its hash, which stays good for *overlap* only.

        An edge key is rotated in every environment that it opens. Raises `NotFound`, `Invalid`, `Conflict` for a key
        that is not good any more, and `Forbidden` to who may not manage keys wherever the key opens.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            message = f"the overlap is at most {LONGEST_OVERLAP.days} days"
            raise Invalid.at("/overlapSeconds", message, "write seconds, from 0 on")
        old, logs = self._named(environment, prefix)
        secret = new_secret(old.kind)
        with self._log.writing(*logs, by=by, action="rotateKey", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                _require_reach(writing, logs, by, self._clock.now())
                self._rotate(writing, logs, old.key, secret_hash(secret), overlap)
        return _issued(writing, environment.log, secret, old.key)

    def revoke_key(
        self,
        environment: EnvironmentName,
        prefix: str,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make a key worthless from now on, in every environment that it opens. Raises `NotFound`."""
        old, logs = self._named(environment, prefix)
        with self._log.writing(*logs, by=by, action="revokeKey", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                for log, record in _records(writing, logs, old.key):
                    writing.put(log, "key", msgspec.structs.replace(record, revoked=True))
            current = writing.item(environment.log, "key", old.key)
        return outcome_of(writing, environment.log, ("key", old.key), unchanged=current)

    def _problems(self, environments: Sequence[EnvironmentName], new: NewKey) -> Iterator[Problem]:
        yield from name_problems(new.name)
        if new.kind not in get_args(KeyKind):
            yield Problem("/kind", f"there is no {new.kind!r} key", f"write one of {', '.join(get_args(KeyKind))}")
        if not environments or len(set(environments)) < len(environments):
            yield Problem("/environments", "an environment is missing or named twice", "name each one once")
        if len(environments) > 1 and new.kind != "edge":
            yield Problem("/environments", f"a {new.kind} key opens one environment", "make a key for each")
        if new.not_after is not None and new.not_after <= self._clock.now().timestamp():
            yield Problem("/notAfter", "this time has passed", "give a time to come, in seconds since 1970")
        if new.require_signature and new.kind != "client":
            yield Problem("/requireSignature", f"a {new.kind} key is secret itself", "leave it out")
        yield from _origin_problems(new)

    def _named(self, environment: EnvironmentName, prefix: str) -> tuple[KeyRecord, list[str]]:
        with self._log.reading() as reading:
            _require(reading, environment)
            record = views.key(reading, environment, prefix)
            names = views.environments_of_key(reading, record.key) if record.kind == "edge" else [environment]
        return record, [name.log for name in names]

    def _rotate(self, writing: Writing, logs: Sequence[str], old: str, new: str, overlap: timedelta) -> None:
        now = self._clock.now()
        records = _records(writing, logs, old)
        if not records:
            raise NotFound("key", old)
        for log, record in records:
            if not _is_good(record, now):
                raise Conflict("the key is revoked or expired", mend="create a new one")
            until = int((now + overlap).timestamp())
            ends = until if record.not_after is None else min(until, record.not_after)
            writing.put(log, "key", msgspec.structs.replace(record, not_after=ends))
            signing_secret = new_secret("signing") if record.signing_secret else ""
            writing.put(log, "key", msgspec.structs.replace(record, key=new, signing_secret=signing_secret))


def _origin_problems(new: NewKey) -> Iterator[Problem]:
    if new.origins and new.kind != "client":
        yield Problem("/origins", f"a {new.kind} key is used by no page", "leave the origins out")
    if len(new.origins) > MOST_ORIGINS:
        yield Problem("/origins", f"more than {MOST_ORIGINS} origins", "make several keys")
    for at, origin in enumerate(new.origins[:MOST_ORIGINS]):
        if fault := origin_fault(origin):
            message = f"{origin[:200]!r} {fault}"
            yield Problem(pointer("origins", at), message, "write it as in https://shop.example")


def _records(writing: Writing, logs: Sequence[str], key: str) -> list[tuple[str, KeyRecord]]:
    found = [(log, writing.item(log, "key", key)) for log in logs]
    return [(log, stored.read(KeyRecord)) for log, stored in found if stored is not None]


def _require_reach(reading: Reading, logs: Sequence[str], by: Actor, now: datetime) -> None:
    """Refuse to somebody of one project the secret of a key that opens other projects too."""
    if (holder := views.principal(reading, by, now=now)) is None:
        return
    for log in logs:
        holder.require("key.manage", views.place(reading, *log.split("/")[1:]))


def _is_good(record: KeyRecord, now: datetime) -> bool:
    return not record.revoked and (record.not_after is None or now.timestamp() < record.not_after)


def _issued(writing: Writing, log: str, secret: str, replaced: str | None = None) -> IssuedKey:
    edits = writing.changes_made[log].edits
    made = next(edit for edit in edits if edit.before is None and edit.key != replaced)
    assert made.left is not None  # a new record was put
    outcome = outcome_of(writing, log, ("key", made.key))
    return IssuedKey(made.left.read(KeyRecord), None if writing.replayed else secret, outcome)


def _require(reading: Reading, environment: EnvironmentName) -> None:
    if reading.item(INSTALLATION, "project", environment.project) is None:
        raise NotFound("project", environment.project)
    if reading.item(project_log(environment.project), "environment", environment.environment) is None:
        raise NotFound("environment", environment.environment)
