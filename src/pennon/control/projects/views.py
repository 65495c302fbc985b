"""What there is of projects, for pages and for other nouns."""

from pennon.control.errors import NotFound
from pennon.control.log import INSTALLATION, Reading
from pennon.model.flags import Wire

MOST_DAYS = 365
"""Evaluations are counted for a little longer, see `pennon.control.storage.counts`."""


class StaleAfter(Wire, frozen=True, kw_only=True):
    """After how many days, each from 1 to 365, it is told of a flag that it may go."""

    one_variation: int = 30
    no_evaluations: int = 30
    fully_rolled_out: int = 30
    not_in_code: int = 30


class Project(Wire, frozen=True, kw_only=True):
    """A project. An item (`project`) of the installation's log. `stale_after` says when its flags are stale."""

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    description: str = ""
    stale_after: StaleAfter = StaleAfter()


def projects(reading: Reading, *, after: str | None = None, limit: int | None = None) -> list[Project]:
    """Return projects in the order of their keys."""
    return [stored.read(Project) for stored in reading.items(INSTALLATION, "project", after=after, limit=limit)]


def project(reading: Reading, key: str) -> Project:
    """Return a project. Raises `NotFound`."""
    if (found := reading.item(INSTALLATION, "project", key)) is None:
        raise NotFound("project", key)
    return found.read(Project)
