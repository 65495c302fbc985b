"""A node whose log is signed, and that forges what it passes on when it is told to."""

import contextlib
import time
from collections.abc import Iterator

from msgspec.structs import replace

from pennon.model import Delta, Head, Item, Position, Snapshot
from pennon.protocol import Ledger, digest
from pennon.stream import StreamSettings
from tests.integration.nodes import ENVIRONMENT, KEYS, MemoryLog, Model, RunningNode
from tests.unit.protocol.signing import Signer


class SignedMemoryLog(MemoryLog):
    """A log in memory, signed by `signer`; None: nothing is signed.

    `forged` are items that are said in place of the true ones, under the heads of those. `lag`: heads are not there
    when their state is read, only later.
    """

    def __init__(self, signer: Signer | None) -> None:
        super().__init__()
        self.signer = signer
        self.forged: dict[str, Item] = {}
        self.is_late = False

    def forge(self, flag: Model) -> None:
        """Say *flag* instead of the one by its key."""
        self.forged[flag.key] = Item.of(replace(flag, version=1))

    def heads(self, environment: str) -> tuple[Head, ...]:
        true = super().state(environment)
        if self.signer is None:
            return ()
        roots = Ledger(true).roots()
        now = time.time()
        return tuple(
            self.signer.sign(environment, true.position, projection, root, time=now)
            for projection, root in sorted(roots.items())
        )

    async def snapshot(self, environment: str) -> Snapshot:
        true = await super().snapshot(environment)
        said = replace(true, heads=() if self.is_late else self.heads(environment))
        if not self.forged:
            return said
        items = {kind: dict(said.items(kind)) for kind in ("flag", "segment", "layer", "key")}
        items["flag"] |= self.forged
        return Snapshot.of(
            items,  # type: ignore[arg-type]
            environment=environment,
            position=said.position,
            digest=digest.combined(items),  # type: ignore[arg-type]
            heads=said.heads,
        )

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        deltas = await super().since(environment, position)
        if not deltas:
            return deltas
        said = [replace(delta, digest="", flags={**delta.flags, **self._forged(delta)}) for delta in deltas]
        return [*said[:-1], replace(said[-1], heads=() if self.is_late else self.heads(environment))]

    def _forged(self, delta: Delta) -> dict[str, Item]:
        return {key: item for key, item in self.forged.items() if key in delta.flags}


@contextlib.contextmanager
def signed_node(
    signer: Signer | None, *models: Model, max_streams: int | None = None
) -> Iterator[tuple[RunningNode, SignedMemoryLog]]:
    """Serve `ENVIRONMENT` with the three keys and *models*, signed."""
    log = SignedMemoryLog(signer)
    log.write(ENVIRONMENT, *KEYS, *models)
    settings = StreamSettings(poll_s=0.1, heartbeat_s=0.5, edge_heartbeat_s=0.5, drain_s=3, max_streams=max_streams)
    node = RunningNode(log, None, settings)
    node.start()
    try:
        yield node, log
    finally:
        node.stop()
