"""Whom a client or an edge node trusts, as it was configured."""

from collections.abc import Callable

from pennon.model import Snapshot
from pennon.protocol import Projection, Replica, Terms, Trust, VerifyingReplica
from pennon.sdk.config import Config
from pennon.sdk.stores.base import Stored


def trust_of(config: Config, *projections: Projection) -> Trust | None:
    """Return whom *config* trusts for states of *projections*; None where it trusts whoever answers.

    Left out, they are those that a client may read, by a server key or an edge key.
    """
    if config.verify is None:
        return None
    terms = Terms(
        is_strict=config.strict_signatures,
        environment=config.environment,
        projections=projections or ("server", "edge"),
        max_head_age_s=config.max_head_age_s,
    )
    return Trust(config.trusted_keys, config.verify, time=config.clock.time, terms=terms)


def replica_by(
    trust: Trust | None,
    snapshot: Snapshot | None = None,
    known_at: float | None = None,
    *,
    read: Callable[[bytes], Snapshot] = Snapshot.from_json,
) -> Replica | VerifyingReplica:
    """Return a replica that begins with *snapshot*, if *trust* lets it, and has snapshots read by *read*."""
    if trust is None:
        return Replica(snapshot=snapshot, known_at=known_at, read=read)
    return VerifyingReplica(trust, snapshot=snapshot, known_at=known_at, read=read)


def remembering(stored: Stored, trust: Trust | None, config: Config) -> Replica | VerifyingReplica:
    """Return a replica that begins with what a local store had, if *trust* lets it."""
    age = max(config.clock.time() - stored.known_at, 0.0)
    if trust is not None and config.max_head_age_s is not None:
        # What the file says of its age, anybody may have written; when it was signed, nobody else.
        age = max([age, *(trust.age_s(head) for head in stored.snapshot.heads)])
    return replica_by(trust, stored.snapshot, config.clock.monotonic() - age)
