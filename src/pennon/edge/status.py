"""How an edge node stands, as it says it: to people, to Prometheus, and to the nodes above."""

import msgspec

from pennon.edge.breaker import Circuit
from pennon.edge.override_file import Dropped, InForce
from pennon.model.flags import Wire


class UpstreamStatus(Wire, frozen=True, kw_only=True):
    """An upstream: how its circuit is, and how often that has opened."""

    url: str
    circuit: Circuit
    opened: int = 0


class EnvironmentStatus(Wire, frozen=True, kw_only=True):
    """An environment: on which rung it stands, since when it is not confirmed, and by which nodes it comes.

    `level` is 0 streaming, 1 polling, 2 last known, 3 defaults or nothing. `path` begins with the upstream.
    """

    environment: str
    level: int
    revision: str = ""
    digest: str = ""
    age_s: float | None = None
    upstream: str = ""
    path: tuple[str, ...] = ()
    streams: int = 0
    switched: int = 0
    on_defaults: bool = False
    keys_refused: bool = False
    signed_by: str = ""
    head_age_s: float | None = None
    problem: str = ""


class Status(Wire, frozen=True, kw_only=True):
    """A node. `level` is the worst of its environments'; `problems` is what a person may want to know.

    `overrides` are in force because a person on the node said so; `dropped`, the latest that were ended by themselves.
    """

    name: str
    version: str
    level: int
    ready: bool
    upstreams: tuple[UpstreamStatus, ...]
    environments: tuple[EnvironmentStatus, ...]
    overrides: tuple[InForce, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    problems: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Write it."""
        return msgspec.json.encode(self)
