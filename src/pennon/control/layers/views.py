"""Read-only answers about the layers of an environment."""

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.log import ChangeLog, EnvironmentName, Stored
from pennon.control.working.pages import Page, page_of


class LayerViews:
    """Answers about layers. Each raises `NotFound` for an environment that is not there."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

    def layer(self, environment: EnvironmentName, key: str) -> Stored:
        """Return one layer. Raises `NotFound`."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            if (stored := reading.item(environment.log, "layer", key)) is None:
                raise NotFound("layer", key)
            return stored

    def layers(self, environment: EnvironmentName, *, after: str | None = None, limit: int = 100) -> Page[Stored]:
        """Return a page of layers in the order of their keys, from behind the key *after*."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            return page_of(reading, environment.log, "layer", after=after, limit=limit)
