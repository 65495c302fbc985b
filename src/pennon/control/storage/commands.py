"""What came with an idempotency key: for a day, the same command again is answered by what it did the first time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from pennon.control.errors import IdempotencyKeyReused, Invalid
from pennon.control.log import Actor, Head, Idempotency
from pennon.control.storage.tables import commands, micros

LIFETIME = timedelta(hours=24)
LONGEST_KEY = 255


class Outcome(msgspec.Struct, frozen=True):
    """Where the command left the logs it named, and in which of them it changed something."""

    heads: Mapping[str, Head]
    changed: tuple[str, ...]


_decode = msgspec.json.Decoder(Outcome).decode


def check_key(command: Idempotency) -> None:
    """Raise `Invalid` for a key that is too long for an index."""
    if not 0 < len(command.key) <= LONGEST_KEY:
        message = f"an idempotency key has 1 to {LONGEST_KEY} characters"
        raise Invalid.at("/idempotencyKey", message, "a UUID will do")


def find_outcome(connection: Connection, by: Actor, command: Idempotency, now: datetime) -> Outcome | None:
    """Return how *command* ended, if it came before. Raises `IdempotencyKeyReused` if the key did with another one."""
    query = select(commands).where(
        commands.c.actor == _actor(by), commands.c.key == command.key, commands.c.at >= micros(now - LIFETIME)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.fingerprint != command.fingerprint:
        raise IdempotencyKeyReused(command.key)
    return _decode(row.outcome)


def record_outcome(connection: Connection, by: Actor, command: Idempotency, now: datetime, outcome: Outcome) -> None:
    """Remember how *command* ended, in its transaction, and forget those that are too old.

    Raises `IdempotencyKeyReused` if the key came at the same time with a command on other logs.
    """
    connection.execute(delete(commands).where(commands.c.at < micros(now - LIFETIME)))
    row = {
        "actor": _actor(by),
        "key": command.key,
        "fingerprint": command.fingerprint,
        "at": micros(now),
        "outcome": msgspec.json.encode(outcome),
    }
    try:
        connection.execute(insert(commands).values(row))
    except IntegrityError as error:
        raise IdempotencyKeyReused(command.key) from error


def _actor(by: Actor) -> str:
    return f"{by.kind}:{by.id}"
