"""Reads off the parts of a node how it stands."""

import hashlib
from collections.abc import Iterable, Mapping

from pennon.edge.circuits import Circuits
from pennon.edge.following import Following
from pennon.edge.replicas import Replicas
from pennon.edge.status import EnvironmentStatus, UpstreamStatus
from pennon.model import InvalidItem, Snapshot
from pennon.sdk import Level
from pennon.stream import StreamNode
from pennon.stream.keys import is_good


def hash_of(secret: str) -> str:
    """Return the hash by which key records know *secret*."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def what_is_wrong(snapshot: Snapshot, key_hash: str, now: float) -> str:
    """Return why *snapshot* is not for a node with this key at *now* (seconds since 1970), empty if it is.

    A server key reads no key records, and without them nobody can be admitted.
    """
    try:
        record = snapshot.keys.get(key_hash)
    except InvalidItem:
        record = None
    if record is None or record.kind != "edge":
        return "the key is not an edge key of this environment: make one with pennon key create edge"
    if is_good(record, now):
        return ""
    return "the key is revoked, or past its time: make another with pennon key create edge"


def upstreams_of(circuits: Circuits, now: float) -> tuple[UpstreamStatus, ...]:
    """Return how each upstream's circuit is."""
    return tuple(
        UpstreamStatus(url=url, circuit=breaker.circuit(now), opened=breaker.opened)
        for url, breaker in circuits.breakers.items()
    )


def environments_of(
    replicas: Replicas, followings: Mapping[str, Following], stream: StreamNode, key_hash: str
) -> Iterable[EnvironmentStatus]:
    """Yield how each environment stands."""
    for name, feed in sorted(replicas.feeds.items()):
        following, snapshot, served = followings.get(name), feed.replica.snapshot, feed.served
        wrong = "" if snapshot is None else what_is_wrong(snapshot, key_hash, stream.clock.time())
        failure = None if following is None else following.link.failure
        environment = stream.environments.get(name)
        yield EnvironmentStatus(
            environment=name,
            level=Level.DEFAULTS if following is None else following.level,
            revision="" if served is None else str(served.position),
            digest="" if served is None else served.digest,
            age_s=None if served is None else round(feed.age(), 3),
            upstream="" if following is None else following.link.url,
            path=() if following is None else following.link.path,
            streams=0 if environment is None else len(environment.listeners),
            switched=0 if following is None else following.switched,
            on_defaults=feed.is_on_defaults,
            keys_refused=replicas.doubts(name) is not None,
            signed_by="" if (head := feed.replica.head) is None else head.key,
            head_age_s=None if head is None or feed.trust is None else round(feed.trust.age_s(head), 3),
            problem=wrong or (failure.message if failure else feed.problem),
        )
