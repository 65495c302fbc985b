"""Read-only answers about the segments of an environment."""

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.log import ChangeLog, EnvironmentName, Stored
from pennon.control.working.pages import Page, page_of


class SegmentViews:
    """Answers about segments. Each raises `NotFound` for an environment that is not there."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

    def segment(self, environment: EnvironmentName, key: str) -> Stored:
        """Return one segment. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            if (stored := reading.item(environment.log, "segment", key)) is None:
                raise NotFound("segment", key)
            return stored

    def segments(self, environment: EnvironmentName, *, after: str | None = None, limit: int = 100) -> Page[Stored]:
        """Return a page of segments in the order of their keys, from behind the key *after*."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            return page_of(reading, environment.log, "segment", after=after, limit=limit)
