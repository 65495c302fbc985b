"""Makes the parts of an edge node from its settings, and says what keeps one from being made."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pennon.edge.breaker import BreakerSettings
from pennon.edge.config import Settings, name_in
from pennon.edge.defaults import BundledDefaults, bundled
from pennon.edge.discovery import LIST_S
from pennon.edge.following import FollowingSettings
from pennon.edge.kv import KvUnusable, StateStore, store_at
from pennon.edge.kv.publishing import Publishing
from pennon.edge.lanes import ForwardingSettings
from pennon.edge.publisher import publishing_to
from pennon.edge.replicas import Replicas
from pennon.edge.sizes import size_of
from pennon.edge.tiers import Tiers
from pennon.model import Snapshot
from pennon.sdk._async.transport import prepared
from pennon.sdk.config import Config, system_clock
from pennon.sdk.errors import InvalidFile
from pennon.sdk.ladder import Pace
from pennon.sdk.signatures import verifier
from pennon.stream import StreamNode, StreamSettings

if TYPE_CHECKING:
    from pennon.stream.tracing import Tracing

PACE = Pace(poll_s=10.0, base_s=0.5, cap_s=5.0, refused_s=20.0)
HEARTBEAT_S = 2.0
TIMEOUT_S = 5.0
LARGEST_BYTES = 2**30
"""What an upstream may send at once: 100,000 flags are 120 MB."""
FIRST_S = 5.0
"""How long a start waits for the first word of an upstream, where nothing is known without one."""


class CannotStart(Exception):
    """The node cannot start. The text says why and what to do."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a node tries things. The defaults are the design's numbers."""

    pace: Pace = PACE
    breaker: BreakerSettings = BreakerSettings()
    following: FollowingSettings = FollowingSettings()
    forwarding: ForwardingSettings = ForwardingSettings()
    heartbeat_s: float = HEARTBEAT_S
    list_s: float = LIST_S
    first_s: float = FIRST_S


def name_of(settings: Settings) -> str:
    """Return the node's name: the one given, or the one that is kept in its folder. Raises `CannotStart`."""
    return settings.name or name_in(made_folder(settings.data_folder))


def made_folder(folder: Path) -> Path:
    """Return *folder*, made if it is missing. Raises `CannotStart`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be made: {error.strerror}; name another with --data.") from error
    return folder


def config_of(settings: Settings, tuning: Tuning) -> Config:
    """Return how upstreams are asked."""
    config = Config(
        urls=settings.upstreams,
        key=settings.key,
        pace=tuning.pace,
        heartbeat_s=tuning.heartbeat_s,
        timeout_s=TIMEOUT_S,
        max_bytes=LARGEST_BYTES,
        clock=system_clock(),
        trusted_keys=settings.trusted_keys,
        strict_signatures=settings.strict_signatures,
        max_head_age_s=float(settings.max_head_age) or None,
        verify=verifier() if settings.trusted_keys else None,
    )
    return prepared(config)


def stream_settings_of(settings: Settings, tuning: Tuning) -> StreamSettings:
    """Return how those below are served."""
    return StreamSettings(
        edge_heartbeat_s=tuning.heartbeat_s,
        drain_s=float(settings.drain_timeout_s),
        snapshots_at_once=settings.max_snapshots,
        snapshots_bytes=settings.max_snapshots_mib * 2**20,
        retry_after_max_s=float(settings.max_retry_after_s),
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
        sample_requests=settings.sample_requests,
        private_attributes=settings.private_attributes,
    )


def tiers_of(settings: Settings, folder: Path, *, environments: int) -> Tiers | None:
    """Return what keeps the node below its memory limit, None without one. Raises `CannotStart`."""
    if settings.memory_limit is None:
        return None
    try:
        return Tiers(size_of(settings.memory_limit), folder, environments=environments)
    except ValueError as error:
        raise CannotStart(f"The memory limit of {settings.memory_limit} is too small: {error}.") from error


def publishing_of(settings: Settings, replicas: Replicas, stream: StreamNode) -> Publishing | None:
    """Return what publishes the environments, None for nothing. Raises `CannotStart`."""
    if settings.publish is None:
        return None
    try:
        return publishing_to(settings.publish, settings.publish_token, replicas, stream)
    except KvUnusable as error:
        raise CannotStart(f"Nothing can be published: {error}.") from error


def tracing_of(settings: Settings) -> "Tracing | None":
    """Return what traces the node, None for nothing. Raises `CannotStart`."""
    if not settings.traces:
        return None
    try:
        from pennon.stream.tracing import Tracing  # noqa: PLC0415  # only those who ask for traces have what it takes
    except ImportError as error:
        raise CannotStart(f"Traces need more packages ({error}): pip install 'pennon[tracing]'.") from error
    return Tracing("pennon-edge")


def state_store_of(settings: Settings, read: Callable[[bytes], Snapshot]) -> StateStore:
    """Return where what is known is kept. Raises `CannotStart`."""
    try:
        return StateStore(store_at(settings.kv_url), reader=read)
    except KvUnusable as error:
        raise CannotStart(f"The key-value store cannot be used: {error}.") from error


def defaults_of(settings: Settings) -> BundledDefaults | None:
    """Return the bundled defaults, None without any. Raises `CannotStart`."""
    try:
        return bundled(Path(settings.defaults) if settings.defaults else None)
    except InvalidFile as error:
        raise CannotStart(f"The defaults in {settings.defaults} cannot be used: {error}.") from error
