"""Who reads the values of flags: applications and SDKs in their versions, as they report them. Pure, and a port."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from pennon.engine.values import version_rank
from pennon.model import Problem, pointer

MOST_NAMED = 50
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MOST_TOLD = 20


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Instances that say the same of themselves, as in `pennon-python/1.2 checkout-web/2.3.0`."""

    environment: str
    sdk: str
    instances: int
    last_seen: datetime

    def version_of(self, name: str) -> str | None:
        """Return in which version *name* is among them; None if it is not."""
        products = (product.partition("/") for product in self.sdk.split())
        return next((version for found, _, version in products if found == name), None)


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """From which versions on others can read what a change makes a flag's values; silent ones are gone after hours."""

    read_by: Mapping[str, str]
    gone_after_h: int


class ReaderCounts(Protocol):
    """Counts the instances that report evaluations."""

    def readers(self, environments: Sequence[str], *, since: datetime) -> list[Reader]:
        """Return who reported something since then: by environment, then by what they say of themselves."""


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """Instances of an application, or an SDK, that are below the version that they have to be at."""

    name: str
    version: str
    wanted: str
    environment: str
    instances: int
    last_seen: datetime

    def __str__(self) -> str:
        instances = f"{self.instances} instance{'s' if self.instances > 1 else ''}"
        seen = f"{self.last_seen:%Y-%m-%d %H:%M} UTC"
        return f"{instances} of {self.name} {self.version} in {self.environment}, seen last on {seen}"


def behind(readers: Iterable[Reader], read_by: Mapping[str, str]) -> list[Behind]:
    """Return who is below the versions in *read_by*. A version that cannot be read is below every other."""
    return [
        Behind(
            name=name,
            version=version or "without a version",
            wanted=wanted,
            environment=reader.environment,
            instances=reader.instances,
            last_seen=reader.last_seen,
        )
        for reader in readers
        for name, wanted in sorted(read_by.items())
        if (version := reader.version_of(name)) is not None and version_rank(version) < version_rank(wanted)
    ]


def strangers(readers: Iterable[Reader], read_by: Mapping[str, str]) -> int:
    """Return how many instances say that they are none of those in *read_by*: they may be, and not say so."""
    return sum(reader.instances for reader in readers if all(reader.version_of(name) is None for name in read_by))


def told(flag: str, found: Sequence[Behind]) -> Iterator[Problem]:
    """Yield what stands in the way of other values of *flag*."""
    for each in found[:_MOST_TOLD]:
        mend = f"bring them to {each.wanted}, or wait until they are gone"
        yield Problem(pointer("flags", flag), f"{each} cannot read the new values", mend)
    if len(found) > _MOST_TOLD:
        yield Problem(pointer("flags", flag), f"and {len(found) - _MOST_TOLD} more", "look at the schema's readers")


def read_by_problems(read_by: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with the versions that are asked for."""
    if len(read_by) > MOST_NAMED:
        yield Problem("", f"names more than {MOST_NAMED}", "name those that read the flag")
    for name, version in read_by.items():
        if _NAME.fullmatch(name) is None:
            yield Problem(pointer(name), "is no name of an application or an SDK", "write it as SDKs report it")
        if not version_rank(version):
            yield Problem(pointer(name), f"{version!r} is no version", "write one as in 2.3.0")
