"""Pennon's rule set without the client, counting."""

from bench.evaluation.sdks import pennon
from bench.evaluation.sdks.base import Mode, Unable, Way
from bench.evaluation.worlds import World
from pennon.engine import compile_snapshot
from pennon.model import Snapshot


class Adapter:
    """`RuleSet.evaluate`."""

    def document(self, world: World) -> bytes:
        """Return the snapshot that a server sends."""
        return pennon.Adapter().document(world)

    def open(self, document: bytes, mode: Mode) -> Way:
        """Compile the snapshot."""
        if mode != "counted":
            raise Unable("counts always")
        rules = compile_snapshot(Snapshot.from_json(document), counted=True)
        return Way("evaluate(flag, user, False)", {"evaluate": rules.evaluate}, value=lambda answer: answer.value)
