"""What a client is told when it is made, checked and completed from the environment. Nothing else here reads it."""

import hashlib
import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

import msgspec

from pennon.model import Json
from pennon.protocol.heads import Verify
from pennon.sdk.errors import InvalidConfiguration
from pennon.sdk.ladder import Pace
from pennon.sdk.overrides import parse_overrides
from pennon.sdk.rules import EvaluationHook
from pennon.sdk.signatures import checked_keys, verifier
from pennon.sdk.sources.base import Source
from pennon.sdk.sources.file import FileSource
from pennon.sdk.status import Change, Status
from pennon.sdk.stores.base import Store
from pennon.sdk.stores.file import FileStore

if TYPE_CHECKING:
    import ssl  # a client of a file has no use for it

ENVIRONMENT_NAMES = ("PENNON_URL", "PENNON_KEY", "PENNON_STORE", "PENNON_OVERRIDES", "PENNON_TRUSTED_KEYS")
"""The environment variables that a client reads. What the caller passes goes before them."""


_OWNER_DIGITS = 16
_APPLICATION = re.compile(r"[A-Za-z0-9._-]{1,100}/[0-9A-Za-z.+-]{1,64}")


class Clock(msgspec.Struct, frozen=True):
    """The two times that a client needs: one that never jumps, and one that others understand."""

    monotonic: Callable[[], float]
    time: Callable[[], float]


def system_clock() -> Clock:
    """Return the machine's clock. Where the system has one, the first goes on while the machine sleeps, for ages."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    steady = time.monotonic if boot_time is None else partial(time.clock_gettime, boot_time)
    return Clock(steady, time.time)


class Options(TypedDict, total=False):
    """What `Client` and `AsyncClient` take by name beside `key`, `file` and `store`."""

    source: Source
    """Where the state comes from instead of a server or a file: `pennon.testing.InMemorySource`, or your own."""
    environment: str
    """Which environment to read, `project/environment`. Only an edge key opens several; with `strict_signatures` it
    must be said, for then no server is taken at its word."""
    trusted_keys: Sequence[str]
    """Public keys of the control plane, which signs what the environment is: `ed25519:…`. `PENNON_TRUSTED_KEYS`, with
    commas between, stands in for them. What they did not sign is reported. Needs `pennon[signed]`."""
    strict_signatures: bool
    """Whether to adopt nothing that the trusted keys did not sign. False unless told."""
    max_head_age_s: float | None
    """For how long a signature proves that a state is current, with `strict_signatures`. None: without end."""
    last_known_ttl: float | None
    """Seconds after which the last known state is not served any more. None: never."""
    poll_interval_s: float
    """How often to ask while the stream is down. 30 unless told."""
    flush_interval_s: float
    """How often events are sent. 10 unless told."""
    heartbeat_s: float
    """How often the server says that it is alive. A stream silent for two and a half of these is dead."""
    timeout_s: float
    """How long to wait for a connection, an answer, or a stream's first frame. 10 unless told."""
    max_bytes: int
    """The largest answer or frame that is read. 64 MiB unless told."""
    bucket_cache: int
    """How many buckets to remember, over all splits, for units that come again. 0 unless told: each is hashed."""
    events: bool
    """Whether to count evaluations and report them. True unless told."""
    sample_contexts: bool
    """Whether to send the server some of the contexts that flags are evaluated for, with what rules look at and nothing
    else, so that it can say whom a change would move. False unless told."""
    private_attributes: Sequence[str]
    """Attributes of contexts that never leave the process: names, or JSON pointers into nested ones. The units of
    exposures and metrics are not among them: what is split by an attribute reports it."""
    application: str
    """Who evaluates, in which version, as in `checkout-web/2.3.0`: so the server knows who reads a flag's values."""
    on_change: Callable[[Change], None]
    """Called after the flags changed, from the client's own thread or loop."""
    on_status: Callable[[Status], None]
    """Called after the level changed, from the client's own thread or loop."""
    hooks: Sequence[EvaluationHook]
    """Called after each evaluation, in the caller's thread: see `pennon.sdk.opentelemetry`."""
    overrides: Mapping[str, Json]
    """Values by flag key that go before everything, those of `PENNON_OVERRIDES` too."""
    ssl_context: "ssl.SSLContext"
    """How to check the server's certificate, where the system's authorities do not do."""
    chance: Callable[[], float]
    """Numbers from 0 to 1 for jitter."""
    clock: Clock
    """The time, for tests."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A client's settings, complete and checked."""

    urls: tuple[str, ...] = ()
    key: str = ""
    source: Source | None = None
    store: Store | None = None
    environment: str = ""
    trusted_keys: tuple[str, ...] = ()
    strict_signatures: bool = False
    max_head_age_s: float | None = None
    verify: Verify | None = None
    last_known_ttl: float | None = None
    pace: Pace = Pace()
    flush_interval_s: float = 10.0
    heartbeat_s: float = 25.0
    timeout_s: float = 10.0
    max_bytes: int = 64 * 1024 * 1024
    bucket_cache: int = 0
    events: bool = True
    sample_contexts: bool = False
    private_attributes: tuple[str, ...] = ()
    application: str = ""
    on_change: Callable[[Change], None] | None = None
    on_status: Callable[[Status], None] | None = None
    hooks: tuple[EvaluationHook, ...] = ()
    overrides: Mapping[str, Json] = {}
    ssl_context: "ssl.SSLContext | None" = None
    chance: Callable[[], float] = random.random
    clock: Clock = msgspec.field(default_factory=system_clock)


def configure(
    url: str | Sequence[str] | None,
    *,
    key: str | None,
    file: str | os.PathLike[str] | None,
    store: str | os.PathLike[str] | Store | None,
    options: Options,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Return the settings of a client. Raises `InvalidConfiguration` over what cannot be.

    `environ` is the process's environment unless told.
    """
    environ = os.environ if environ is None else environ
    source = _source(options.get("source"), file)
    if source is not None and url is not None:
        raise InvalidConfiguration("flags come from a server or from a file: leave out url, or file and source")
    urls = () if source is not None else _urls(environ.get("PENNON_URL") if url is None else url)
    key = environ.get("PENNON_KEY", "") if key is None else key
    if urls and not key:
        raise InvalidConfiguration("a server wants a key: pass key=, or set PENNON_KEY")
    if not key.isascii() or not key.isprintable():
        raise InvalidConfiguration("a key has printable ASCII characters only: look for a stray line break or quote")
    given = dict(options) | {
        "overrides": parse_overrides(environ.get("PENNON_OVERRIDES", "")) | dict(options.get("overrides", {}))
    }
    given["pace"] = Pace(poll_s=_positive("poll_interval_s", given.pop("poll_interval_s", 30.0)))
    given["hooks"] = tuple(options.get("hooks", ()))
    given["source"] = source
    for name in ("flush_interval_s", "heartbeat_s", "timeout_s", "max_bytes", "last_known_ttl", "max_head_age_s"):
        if given.get(name) is not None:
            _positive(name, given[name])
    _count("bucket_cache", given.get("bucket_cache", 0))
    given["private_attributes"] = _attributes(options.get("private_attributes", ()))
    given["application"] = _application(options.get("application", ""))
    given |= _signatures(options, environ, is_served=source is None)
    try:
        if urls and store is None:
            store = environ.get("PENNON_STORE") or None
        kept = _store(store, _owner(urls, key, options.get("environment", "")))
        return Config(urls=urls, key=key, store=kept, **given)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidConfiguration(str(error).replace("Unexpected keyword argument", "there is no option")) from error


def _urls(url: str | Sequence[str] | None) -> tuple[str, ...]:
    given = (url,) if isinstance(url, str) else tuple(url or ())
    return tuple(_checked_url(each) for each in given if each)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidConfiguration(f"{url!r} is not the address of a server: write http://host:port or https://host")
    return url.rstrip("/")


def _source(source: Source | None, file: str | os.PathLike[str] | None) -> Source | None:
    if file is None:
        return source
    if source is not None:
        raise InvalidConfiguration("flags come from a file or from a source: leave one of them out")
    return FileSource(file)


def _store(store: str | os.PathLike[str] | Store | None, owner: str) -> Store | None:
    return FileStore(store, owner) if isinstance(store, (str, os.PathLike)) else store


def _owner(urls: tuple[str, ...], key: str, environment: str) -> str:
    """Return a name of whose state a store holds. Where the url, the key or the environment differ, it does."""
    return hashlib.sha256(msgspec.json.encode([urls, key, environment])).hexdigest()[:_OWNER_DIGITS]


def _signatures(options: Options, environ: Mapping[str, str], *, is_served: bool) -> dict[str, object]:
    """Return whose signatures count and how much. Flags of a file or a source carry none."""
    given, is_strict = options.get("trusted_keys"), options.get("strict_signatures", False)
    if not is_served:
        if given or is_strict:
            raise InvalidConfiguration("flags of a file or a source are not signed: leave trusted_keys out")
        return {"trusted_keys": ()}
    if isinstance(given, str):
        raise InvalidConfiguration("trusted_keys is a list: write trusted_keys=[…]")
    keys = checked_keys(environ.get("PENNON_TRUSTED_KEYS", "").split(",") if given is None else given)
    if is_strict and not keys:
        raise InvalidConfiguration("strict_signatures wants trusted_keys: pass them, or set PENNON_TRUSTED_KEYS")
    if is_strict and not options.get("environment"):
        raise InvalidConfiguration(
            "strict_signatures wants to know whose flags: pass environment='project/environment'"
        )
    if options.get("max_head_age_s") is not None and not is_strict:
        raise InvalidConfiguration("max_head_age_s is for strict_signatures=True only")
    return {"trusted_keys": keys, "verify": verifier() if keys else None}


def _attributes(given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise InvalidConfiguration("private_attributes is a list: write private_attributes=[…]")
    return tuple(given)


def _application(given: str) -> str:
    if given and _APPLICATION.fullmatch(given) is None:
        raise InvalidConfiguration(f"application is {given!r}: write a name and a version, as in checkout-web/2.3.0")
    return given


def _count(name: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise InvalidConfiguration(f"{name} is {value!r}: it must be an integer from 0 on")


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidConfiguration(f"{name} is {value!r}: it must be a number above zero")
    return value
