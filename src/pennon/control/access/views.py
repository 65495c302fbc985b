"""What there is of tokens and keys, for pages and for other nouns. Secrets are nowhere."""

from pennon.control.access.credentials import Token, is_hash_prefix
from pennon.control.errors import Conflict, NotFound
from pennon.control.log import INSTALLATION, EnvironmentName, Reading, Stored
from pennon.model import KeyRecord


def tokens(reading: Reading, *, after: str | None = None, limit: int | None = None) -> list[Token]:
    """Return tokens in the order of their hashes, revoked and expired ones too."""
    return [stored.read(Token) for stored in reading.items(INSTALLATION, "token", after=after, limit=limit)]


def token(reading: Reading, prefix: str) -> Token:
    """Return the token whose hash starts with *prefix*. Raises `NotFound`, or `Conflict` if there are several."""
    return _by_prefix(reading, INSTALLATION, "token", prefix).read(Token)


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
