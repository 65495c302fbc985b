"""Who may read what: a reading of the key records that came with the environments.

A presented secret is hashed and looked up, whether it looks like a key or not: the work is the same for all, and what
the time of the look-up could tell is about hashes that nobody can choose.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping

import msgspec

from pennon.model import InvalidItem, Items, KeyKind, KeyRecord
from pennon.stream import tokens
from pennon.stream.http import Refusal, Request

_CHALLENGE = (("www-authenticate", 'Bearer realm="pennon"'),)


class Access(msgspec.Struct, frozen=True):
    """A key that is good now: the hash of its secret, its kind, and its record in each environment it opens."""

    key_hash: str
    kind: KeyKind
    records: Mapping[str, KeyRecord]

    def environment(self, asked: str | None) -> str:
        """Return the environment that a request is about. Raises `Refusal` where that is none or not clear."""
        if asked is not None:
            if asked not in self.records:
                raise Refusal(403, "Not this environment", f"the key does not open {asked!r}")
            return asked
        if len(self.records) > 1:
            raise Refusal(400, "Which environment?", "the key opens several: add ?environment=project/environment")
        return next(iter(self.records))

    def allows_origin(self, environment: str, origin: str | None) -> bool:
        """Whether pages from *origin* may use the key. A request without one comes from no page."""
        allowed = self.records[environment].origins
        return origin is None or not allowed or origin in allowed


class KeyRing:
    """All keys of all environments, by the hash of their secret."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, KeyRecord]] = {}
        self._hashes: dict[str, set[str]] = {}
        self._references: dict[bytes, str] = {}
        self.generation = 0
        """Another number after each change of any record."""
        self._opened: dict[str, tuple[Access, float]] = {}
        """What keys opened when they came last, and until when that holds if no record changes."""

    def load(self, environment: str, keys: Items[KeyRecord]) -> list[str]:
        """Take *keys* for all of *environment*'s. Return the hashes of those that cannot be read: they open nothing."""
        self.forget(environment)
        return [key for key in keys if not self._take(environment, key, keys)]

    def change(self, environment: str, touched: Iterable[str], keys: Items[KeyRecord]) -> list[str]:
        """Take the *touched* ones of *keys* anew. Return the hashes of those that cannot be read."""
        unreadable = []
        for key in touched:
            self._drop(environment, key)
            if key in keys and not self._take(environment, key, keys):
                unreadable.append(key)
        return unreadable

    def forget(self, environment: str) -> None:
        """Take every key from *environment*."""
        for key in tuple(self._hashes.get(environment, ())):
            self._drop(environment, key)

    def check(self, secret: str, now: float) -> Access | None:
        """Return what *secret* opens at *now* (seconds since 1970), None for nothing."""
        return self.access(hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest(), now)

    def access(self, key_hash: str, now: float) -> Access | None:
        """Return what the key with this hash opens at *now*, None for nothing."""
        if (opened := self._opened.get(key_hash)) is not None and now < opened[1]:
            return opened[0]
        records = {
            environment: record
            for environment, record in self._records.get(key_hash, {}).items()
            if is_good(record, now)
        }
        if not records:
            return None
        access = Access(key_hash, next(iter(records.values())).kind, records)
        ends = (record.not_after for record in records.values() if record.not_after is not None)
        self._opened[key_hash] = access, min(ends, default=math.inf)
        return access

    def until(self, key_hash: str) -> float:
        """Return until when what the key opened just now holds, in seconds since 1970, if no record changes."""
        opened = self._opened.get(key_hash)
        return 0.0 if opened is None else opened[1]

    def token(self, key_hash: str, now: float, lifetime_s: int) -> str:
        """Return a token for the notify stream that stands for a key. See `tokens.issue`."""
        return tokens.issue(key_hash, now, lifetime_s)

    def by_token(self, token: str, now: float) -> Access | None:
        """Return what *token* opens at *now*: what its key opens, None for nothing."""
        claimed = tokens.claimed(token)
        key_hash = None if claimed is None else self._references.get(claimed)
        if key_hash is None or not tokens.is_good(token, key_hash, now):
            return None
        return self.access(key_hash, now)

    def record(self, environment: str, key_hash: str) -> KeyRecord | None:
        """Return the record of a key in *environment*."""
        return self._records.get(key_hash, {}).get(environment)

    def _take(self, environment: str, key: str, keys: Items[KeyRecord]) -> bool:
        try:
            record = keys[key]
        except InvalidItem:
            return False
        self._opened.pop(key, None)
        self.generation += 1
        self._records.setdefault(key, {})[environment] = record
        self._references[tokens.reference(key)] = key
        self._hashes.setdefault(environment, set()).add(key)
        return True

    def _drop(self, environment: str, key: str) -> None:
        self._hashes.get(environment, set()).discard(key)
        self._opened.pop(key, None)
        self.generation += 1
        records = self._records.get(key, {})
        records.pop(environment, None)
        if not records:
            self._records.pop(key, None)
            self._references.pop(tokens.reference(key), None)


def is_good(record: KeyRecord, now: float) -> bool:
    """Whether the key is neither revoked nor past its time."""
    return not record.revoked and (record.not_after is None or now < record.not_after)


class UnknownKey(Refusal):
    """The key opens nothing that the node knows of. It may have been made a moment ago, where the log is written."""

    def __init__(self) -> None:
        super().__init__(401, "Wrong key", "the key is unknown, revoked or past its time", headers=_CHALLENGE)


class StillLoading(Refusal):
    """The node does not know enough yet to say more."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Still loading", detail, headers=(("retry-after", "2"),))


def admit(ring: KeyRing, request: Request, now: float, *, complete: bool) -> Access:
    """Return what the key of *request* opens.

    Raises `Refusal`: 401 for no key or a wrong one, but 503 for an unknown one while the ring is not *complete*, for
    its environment may be the one that is not loaded yet, and a client told 401 may never come back.
    """
    secret = request.presented_key
    if secret is None:
        detail = "send a key as Authorization: Bearer, or as X-API-Key"
        raise Refusal(401, "No key", detail, headers=_CHALLENGE)
    return admitted(ring.check(secret, now), complete=complete)


def admitted(access: Access | None, *, complete: bool) -> Access:
    """Return *access*, or refuse its absence. See `admit`."""
    if access is not None:
        return access
    if not complete:
        raise StillLoading("the key is not known yet, ask again")
    raise UnknownKey
