"""How far changes of an environment have come, for pages, commands and metrics."""

import msgspec

from pennon.control.clock import Clock
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.log import ChangeLog, EnvironmentName, Head
from pennon.control.publishing.propagation import Arrivals, NodeReport, PropagationStore
from pennon.control.publishing.standing import NodeStanding, Origin, origin_digest, overridden_of, standings
from pennon.model import Position


class Propagation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log of *environment* stands, where every node does, and when the latest changes arrived."""

    environment: str
    origin: Origin
    nodes: tuple[NodeStanding, ...]
    arrivals: tuple[Arrivals, ...]


class PropagationViews:
    """Reads what is kept of reports and arrivals, beside the log."""

    def __init__(self, log: ChangeLog, store: PropagationStore, clock: Clock) -> None:
        self._log = log
        self._store = store
        self._clock = clock

    def propagation(self, name: EnvironmentName) -> Propagation:
        """Return how far changes of an environment have come. Raises `NotFound`, `Unavailable`."""
        with self._log.reading() as reading:
            find_environment(reading, name)
            head = reading.head(name.log)
        if head is None:
            raise NotFound("environment", name.environment)
        reports = self._store.reports(str(name))
        origin = self._origin(str(name), head, reports)
        return Propagation(
            environment=str(name),
            origin=origin,
            nodes=tuple(standings(reports, origin, self._clock.now())),
            arrivals=tuple(self._store.arrivals(str(name))),
        )

    def arrived(self, name: EnvironmentName, position: Position) -> Arrivals:
        """Return when the change to *position* arrived at which node. Raises `NotFound` for one that is not kept."""
        for arrivals in self._store.arrivals(str(name), revision=position.revision):
            if arrivals.position == position:
                return arrivals
        committed_at = self._store.commits(str(name), position.epoch).get(position.revision)
        if committed_at is None:
            raise NotFound("revision", str(position), mend="arrivals are kept of the latest 100 revisions")
        return Arrivals(environment=str(name), position=position, committed_at=committed_at, delays={})

    def everywhere(self) -> dict[str, list[NodeStanding]]:
        """Return how every node stands, by environment: of those that have edge nodes. Raises `Unavailable`."""
        by_environment: dict[str, list[NodeReport]] = {}
        for report in self._store.reports():
            by_environment.setdefault(report.environment, []).append(report)
        with self._log.reading() as reading:
            heads = reading.heads("environments/")
        found = {}
        for environment, reports in by_environment.items():
            head = heads.get(f"environments/{environment}")
            if head is not None and any(not report.writer for report in reports):
                origin = self._origin(environment, head, reports)
                found[environment] = standings(reports, origin, self._clock.now())
        return found

    def _origin(self, environment: str, head: Head, reports: list[NodeReport]) -> Origin:
        position = Position(head.epoch, head.revision)
        is_late = any(report.ack.position < position for report in reports)
        commits = self._store.commits(environment, head.epoch) if is_late else {}
        return Origin(position, head.time, commits, origin_digest(reports, position), overridden_of(reports))
