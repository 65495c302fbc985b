"""Whose request it is that a proxy hands on: the client's address, as trusted proxies say it, and nobody else."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

Header: TypeAlias = Literal["x-forwarded-for", "forwarded"]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_QUOTED_OR_NOT = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*")+')
_ELEMENTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PORT = re.compile(r":[0-9]{1,5}")


class Proxies:
    """The proxies that are believed, by their networks, and the one header in which they say who asked.

    One header and not whichever is there: the other may have come from the client, and the proxy let it pass.
    """

    def __init__(self, networks: Sequence[str], header: Header) -> None:
        """Raise `ValueError`, in words for people, for what is no network."""
        self._networks = [_network(text) for text in networks]
        self._header = header.encode()

    def client(self, peer: str, headers: Headers) -> str:
        """Return the address of who asked, where *peer* is who is connected.

        Read from the right, hop by hop: each hop is believed if the one that told it is. The first that is not trusted
        is the client; what is left of it is what the client says, and could be anything.
        """
        found = _address(peer)
        if found is None:
            return peer
        for text in reversed(self._hops(headers)):
            if not self._trusts(found) or (before := _address(text)) is None:
                break
            found = before
        return str(found)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)

    def _hops(self, headers: Headers) -> list[str]:
        lines = ",".join(value.decode("latin-1") for name, value in headers if name.lower() == self._header)
        if self._header == b"x-forwarded-for":
            return lines.split(",") if lines else []
        return [_for(element) for element in _ELEMENTS.findall(lines)]


class Proxied:
    """*app*, which is told of each request whose it is."""

    def __init__(self, app: App, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        if client := scope.get("client"):
            found = self._proxies.client(client[0], scope["headers"])
            if found != client[0]:
                scope = {**scope, "client": (found, 0)}
        await self._app(scope, receive, send)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}; write one as in 10.0.0.0/8 or fd00::/8") from error


def _address(text: str) -> _Address | None:
    """Return the address that *text* begins with; a port may follow it. None for a name, or nothing."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text, _, rest = text[1:].partition("]")
        if rest and not _PORT.fullmatch(rest):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _PORT.fullmatch(f":{port}"):
            return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # As an IPv6 socket shows a peer that speaks IPv4.
    return getattr(found, "ipv4_mapped", None) or found


def _for(element: str) -> str:
    """Return what an element of `Forwarded` says behind `for=`."""
    for pair in _QUOTED_OR_NOT.findall(element):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return str(value).strip()
    return ""
