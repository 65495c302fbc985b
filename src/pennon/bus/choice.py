"""Which adapter an address asks for. Their libraries are extras, so each is imported when it is chosen."""

from pennon.bus.remote import RemoteBus

SCHEMES = ("postgresql", "postgresql+psycopg", "redis", "rediss", "unix", "nats", "tls")


class BusUnusable(Exception):
    """There is no bus at that address, or its library is not installed. The text says what to do."""


def bus_at(url: str) -> RemoteBus:
    """Return the bus at *url*, which connects once it is entered. Raises `BusUnusable`."""
    scheme = url.partition(":")[0]
    try:
        match scheme:
            case "postgresql" | "postgresql+psycopg":
                from pennon.bus.postgres import postgres_bus  # noqa: PLC0415

                return postgres_bus(url)
            case "redis" | "rediss" | "unix":
                from pennon.bus.redis import redis_bus  # noqa: PLC0415

                return redis_bus(url)
            case "nats" | "tls":
                from pennon.bus.nats import nats_bus  # noqa: PLC0415

                return nats_bus(url)
    except ImportError as error:
        extra = {"unix": "redis", "rediss": "redis", "tls": "nats"}.get(scheme, scheme)
        raise BusUnusable(f"its library is not installed; run: pip install 'pennon[{extra}]'") from error
    raise BusUnusable(f"no bus speaks {scheme!r}; write one of {', '.join(f'{each}://…' for each in SCHEMES)}")
