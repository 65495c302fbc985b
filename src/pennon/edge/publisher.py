"""Which documents of a node are published for workers, and when they are not yet what the node knows."""

from collections.abc import Sequence

from pennon.edge.kv import cloudflare
from pennon.edge.kv.cloudflare import Address, Document, WorkersKv
from pennon.edge.kv.publishing import Publishing
from pennon.edge.replicas import Replicas
from pennon.protocol import Projection
from pennon.stream import StreamNode

PUBLISHED: tuple[Projection, ...] = ("server", "client")
"""Not the edge's: the hashes of keys are nobody's business there."""


def publishing_to(url: str, token: str, replicas: Replicas, stream: StreamNode) -> Publishing:
    """Return what publishes to the namespace at *url* what *stream* serves. Raises `KvUnusable`."""

    def documents(name: str) -> Sequence[Document]:
        environment, feed = stream.environments.get(name), replicas.feeds.get(name)
        if environment is None or (position := environment.position) is None or feed is None:
            return ()
        if feed.position is not None and position < feed.position:
            publishing.changed(name)  # it is served a moment later, and looked at again then
        known_at = stream.clock.time() - environment.hub.age(stream.now())
        return [
            Document(
                name,
                projection,
                position,
                environment.hub.digest(projection),
                environment.hub.snapshot_json(projection),
                environment.flags_version("client"),
                known_at,
            )
            for projection in PUBLISHED
        ]

    address = Address.parse(url)
    target = WorkersKv(address, token, api=address.api or cloudflare.API)
    publishing = Publishing(target, documents, confirm_s=address.confirm_s)
    return publishing
