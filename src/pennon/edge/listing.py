"""Which environments there are, by what upstreams say. Pure: it is given their answers.

An environment is left only when every upstream that may serve it says that it has it not, and knows. One that is dead
has said nothing; one whose key opens less has never said that it had it.
"""

from collections.abc import Iterable, Sequence

import msgspec

from pennon.model import DECODE_ERRORS


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """An environment as an upstream lists it."""

    key: str
    client_rules: bool = False


class Listing(msgspec.Struct, frozen=True):
    """An upstream's answer. `complete`: it knows that there are no others that the key opens."""

    environments: tuple[Listed, ...]
    complete: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The environments' names."""
        return frozenset(each.key for each in self.environments)


_DECODER = msgspec.json.Decoder(Listing)


def read_listing(body: bytes) -> Listing | None:
    """Return what an upstream answered, None if that makes no sense."""
    try:
        return _DECODER.decode(body)
    except DECODE_ERRORS:
        return None


class Membership:
    """Follows which of *upstreams* has which environment. *known* may be at any of them."""

    def __init__(self, upstreams: Sequence[str], known: Iterable[str]) -> None:
        self._upstreams = tuple(upstreams)
        self._at: dict[str, set[str]] = {name: set(upstreams) for name in known}

    @property
    def names(self) -> frozenset[str]:
        """The environments that there are."""
        return frozenset(self._at)

    def take(self, upstream: str, listing: Listing) -> None:
        """Take the answer of *upstream*."""
        for name in listing.names:
            self._at.setdefault(name, set()).add(upstream)
        if listing.complete:
            for name in self._at.keys() - listing.names:
                self._at[name].discard(upstream)
                if not self._at[name]:
                    del self._at[name]

    def missing(self, listing: Listing) -> frozenset[str]:
        """Return the environments that *listing* does not have: who gave it may not be the one to ask."""
        return frozenset(self._at) - listing.names
