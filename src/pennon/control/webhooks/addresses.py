"""Where a webhook may lead: nowhere inside. No URL that somebody typed makes the server speak to its own network.

Pure: names are resolved elsewhere, and what they resolve to is judged here, at each connection.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from pennon.model import Problem

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2000
_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\]")
_PRINTABLE = re.compile(r"[!-~]+")
_PATH = "/"
# IANA's registries of special-purpose addresses, and multicast. Python's own list differs between its versions.
_INSIDE: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a carrier's network"),
    ("127.0.0.0/8", "this machine"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "this network"),
    ("::1/128", "this machine"),
    ("64:ff9b:1::/48", "a private network"),
    ("100::/64", "discarded"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "a private network"),
    ("ff00::/8", "multicast"),
)
_NETWORKS = tuple((ipaddress.ip_network(text), what) for text, what in _INSIDE)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart: what is connected to, and what is asked for there."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host, and port where it is not the usual one: what may be shown of a URL."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def url_problems(url: str, allowed: Sequence[Network]) -> Iterator[Problem]:
    """Yield what is wrong with a webhook's URL, as far as it shows without resolving its name."""
    if len(url) > LONGEST_URL or _PRINTABLE.fullmatch(url) is None:
        yield Problem("/url", f"is no URL of up to {LONGEST_URL} printable ASCII characters", "percent-encode the rest")
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield Problem("/url", "is no URL", "write https://host/path")
        return
    yield from _part_problems(parts)
    if port == 0:
        yield Problem("/url", "has no valid port", "write one from 1 to 65535, or none")
    host = (parts.hostname or "").strip("[]")
    if parts.scheme == "http" and not any(network.is_loopback for network in allowed):
        yield Problem("/url", "is not encrypted on its way", "write https://")
    if (address := _literal(host)) is not None and (why := refusal(address, allowed)):
        yield Problem("/url", f"leads to {host}, which is {why}", "name a host that everybody can reach")


def _part_problems(parts: SplitResult) -> Iterator[Problem]:
    if parts.scheme not in _PORTS:
        yield Problem("/url", "is no web address", "write https://host/path")
    if parts.username is not None or parts.password is not None:
        yield Problem("/url", "holds a name or a password", "put what lets Pennon in into the path or the query")
    if parts.fragment:
        yield Problem("/url", "has a fragment, which nobody is sent", "leave out what begins with #")
    if _HOST.fullmatch(parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")) is None:
        yield Problem("/url", "names no host", "write https://host/path; a name beyond ASCII as xn--…")


def target_of(url: str) -> Target:
    """Return a URL without problems, taken apart."""
    parts = urlsplit(url)
    path = (parts.path or _PATH) + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], path)


def refusal(address: Address, allowed: Sequence[Network]) -> str | None:
    """Return why nothing is sent to *address*, None if it may be: it is out in the world, or in an *allowed* network.

    What an IPv6 address carries of IPv4 is judged as that.
    """
    for each in (address, *_carried(address)):
        if any(each in network for network in allowed):
            continue
        if (why := _inside(each)) is not None:
            return why
    return None


def may_go_unencrypted(address: Address, allowed: Sequence[Network]) -> bool:
    """Return whether http:// may lead to *address*: to this machine only, where a setting allows that."""
    return address.is_loopback and any(address in network for network in allowed)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return *texts* as networks. Raises `ValueError` for one that is none."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def _inside(address: Address) -> str | None:
    for network, what in _NETWORKS:
        if address in network:
            return what
    is_strange = address.version == 6 and address not in _GLOBAL_V6 and address not in _NAT64
    return "reserved" if is_strange and not _carried(address) else None


def _carried(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    if not isinstance(address, ipaddress.IPv6Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
