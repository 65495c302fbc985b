"""Which store an address asks for. Their libraries are extras, so each is imported when it is chosen."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pennon.edge.kv.base import KeyValueStore, KvUnusable

SCHEMES = ("file:///folder", "redis://host:port/0", "rediss://host:port/0", "nats://host:port/bucket")


def store_at(url: str) -> KeyValueStore:
    """Return the store at *url*, which connects when it is first asked. Raises `KvUnusable`."""
    scheme = url.partition(":")[0]
    try:
        match scheme:
            case "file":
                return _file(url)
            case "redis" | "rediss":
                return _redis(url)
            case "nats" | "tls":
                return _nats(url)
    except ImportError as error:
        extra = {"rediss": "redis", "tls": "nats"}.get(scheme, scheme)
        raise KvUnusable(f"its library is not installed; run: pip install 'pennon[{extra}]'") from error
    raise KvUnusable(f"no key-value store speaks {scheme!r}; write one of {', '.join(SCHEMES)}")


def _file(url: str) -> KeyValueStore:
    from pennon.edge.kv.file import FileKv  # noqa: PLC0415

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise KvUnusable(f"{url!r} names no folder; write file:///var/lib/pennon-edge, with three slashes")
    return FileKv(Path(unquote(parts.path)))


def _redis(url: str) -> KeyValueStore:
    from pennon.edge.kv.redis import PREFIX, RedisKv  # noqa: PLC0415

    parts = urlsplit(url)
    options = parse_qsl(parts.query)
    prefix = dict(options).get("prefix") or PREFIX
    others = urlencode([(name, value) for name, value in options if name != "prefix"])  # they are the client's own
    try:
        return RedisKv(urlunsplit(parts._replace(query=others)), prefix=prefix)
    except (ValueError, TypeError) as error:
        raise KvUnusable(f"this is no address of a Redis: {error}; write redis://host:6379/0?prefix=pennon") from error


def _nats(url: str) -> KeyValueStore:
    from pennon.edge.kv.nats import Address, NatsKv  # noqa: PLC0415

    return NatsKv(Address.parse(url))
