"""Which store an address asks for. Their libraries are extras, so each is imported when it is chosen."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pennon.edge.kv.base import KeyValueStore, KvUnusable

SCHEMES = ("file:///folder", "redis://host:port/0", "rediss://host:port/0", "nats://host:port/bucket")


def store_at(url: str) -> KeyValueStore:
    """Return the store at *url*, which connects when it is first asked. Raises `KvUnusable`."""
    scheme = url.partition(":")[0]
    try:
        if scheme == "file":
            return _file(url)
    except ImportError as error:
        extra = {"rediss": "redis"}.get(scheme, scheme)
        raise KvUnusable(f"its library is not installed; run: pip install 'pennon[{extra}]'") from error
    raise KvUnusable(f"no key-value store speaks {scheme!r}; write one of {', '.join(SCHEMES)}")


def _file(url: str) -> KeyValueStore:
    from pennon.edge.kv.file import FileKv  # noqa: PLC0415

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise KvUnusable(f"{url!r} names no folder; write file:///var/lib/pennon-edge, with three slashes")
    return FileKv(Path(unquote(parts.path)))
