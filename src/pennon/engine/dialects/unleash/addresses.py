"""IP addresses and networks: as Rust's standard library and ipnetwork read them, and as npm's ip-address does."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple


class Network(NamedTuple):
    """An address as an integer, and how many of its leading bits count."""

    is_v4: bool
    address: int
    prefix: int

    @property
    def bits(self) -> int:
        """Return how many bits an address of this family has."""
        return 32 if self.is_v4 else 128

    def contains(self, other: "Network") -> bool:
        """Whether the leading bits are the same; never across families."""
        shift = self.bits - self.prefix
        return self.is_v4 is other.is_v4 and self.address >> shift == other.address >> shift


_PREFIX = re.compile(r"\+?0*[0-9]{1,3}", re.ASCII)


def rust_address(text: str) -> Network | None:
    """Read an address without a prefix."""
    try:
        if ":" in text:
            return None if "%" in text else Network(is_v4=False, address=int(IPv6Address(text)), prefix=128)
        return Network(is_v4=True, address=int(IPv4Address(text)), prefix=32) if text.isascii() else None
    except AddressValueError:
        return None


def rust_network(text: str) -> Network | None:
    """Read an address, alone or with a prefix's length; for version 4 a mask will do, too."""
    written, slash, prefix = text.partition("/")
    found = rust_address(written)
    if found is None or not slash:
        return found
    length = int(prefix) if _PREFIX.fullmatch(prefix) else _masked(prefix) if found.is_v4 else None
    return None if length is None or length > found.bits else found._replace(prefix=length)


def _masked(text: str) -> int | None:
    mask = rust_address(text)
    if mask is None or not mask.is_v4:
        return None
    length = f"{mask.address:032b}".find("0") % 33
    return length if mask.address == (1 << 32) - (1 << (32 - length)) else None


_NODE_4 = re.compile(r"([0-9.]{7,15})(?:/([0-9]{1,2}))?", re.ASCII)
_NODE_6 = re.compile(r"([0-9A-Fa-f:.]+)(?:/([0-9]{1,3}))?(?:%.*)?", re.ASCII)


def node_4(text: str) -> Network | None:
    """Read a version 4 address, alone or with a prefix's length of one or two digits."""
    match = _NODE_4.fullmatch(text)
    found = None if match is None else rust_address(match[1])
    return _node_network(found, None if match is None else match[2])


def node_6(text: str) -> Network | None:
    """Read a version 6 address, alone or with a prefix's length, a zone or both."""
    match = _NODE_6.fullmatch(text)
    found = None if match is None or ":" not in text else rust_address(match[1])
    return _node_network(found, None if match is None else match[2])


def _node_network(found: Network | None, prefix: str | None) -> Network | None:
    if found is None or prefix is None:
        return found
    return None if int(prefix) > found.bits else found._replace(prefix=int(prefix))
