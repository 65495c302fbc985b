"""What nobody can do without who evaluates in pure Python; and OpenFeature's client over a provider of nothing."""

import hashlib
from itertools import count
from typing import Any

from openfeature.provider.no_op_provider import NoOpProvider

from bench.evaluation.sdks.base import Mode, Unable, Way
from bench.evaluation.sdks.openfeature import through
from bench.evaluation.worlds import User, World
from pennon.bucketing import bucket_prefix, sha256, unpack

_BUCKET = "int.from_bytes(sha256(f'{salt}.{flag}.{user}'.encode()).digest()[:8], 'big') % 100000"
_PREPARED = "unpack(sha256(prefix + user.encode()).digest())[0] % 100000"


class _Client:
    """The least that a client is: a table of functions by flag."""

    def __init__(self, answer: Any) -> None:
        self._table = {"on": answer, "half": answer, "call": answer}

    def evaluate(self, flag: str, user: User) -> Any:
        return self._table[flag](user)


class Adapter:
    """The floor, as if it were an SDK."""

    def document(self, world: World) -> bytes:
        """Return the workload's name, which is all that it takes."""
        return world.name.encode()

    def open(self, document: bytes, mode: Mode) -> Way:
        """Return the least that a workload takes."""
        name = document.decode()
        if mode == "openfeature":
            return _null()
        if mode == "counted" and name in _COUNTED:
            return _COUNTED[name]()
        if mode == "value" and name in _BARE:
            return _BARE[name]()
        raise Unable("no floor")


def _null() -> Way:
    # It serves the default, which is the right answer to nothing: the client below is what is measured.
    return through(NoOpProvider(), checked=False)


def _bucket() -> Way:
    return Way(_BUCKET, {"sha256": hashlib.sha256, "salt": "k3v9x0"}, _key)


def _prepared() -> Way:
    names = {"sha256": sha256, "unpack": unpack, "prefix": bucket_prefix("k3v9x0", "half")}
    return Way(_PREPARED, names, _key)


def _counter() -> Way:
    return Way("step()", {"step": count().__next__})


def _call() -> Way:
    return Way("evaluate(flag, user)", {"evaluate": _Client(lambda _: True).evaluate})


def _counted_call() -> Way:
    step = count().__next__

    def answer(_user: User) -> bool:
        step()
        return True

    return Way("evaluate(flag, user)", {"evaluate": _Client(answer).evaluate})


def _counted_half() -> Way:
    steps, prefix = (count().__next__, count().__next__), bucket_prefix("k3v9x0", "half")

    def answer(user: User) -> bool:
        if unpack(sha256(prefix + user["targetingKey"].encode()).digest())[0] % 100000 < 50_000:
            steps[0]()
            return True
        steps[1]()
        return False

    return Way("evaluate(flag, user)", {"evaluate": _Client(answer).evaluate})


def _key(user: User) -> Any:
    return user["targetingKey"]


_BARE = {"bucket": _bucket, "prepared": _prepared, "call": _call, "counter": _counter}
_COUNTED = {"W1": _counted_call, "W3": _counted_half}
