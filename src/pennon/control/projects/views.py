"""What there is of projects, for pages and for other nouns."""

from pennon.control.errors import NotFound
from pennon.control.log import INSTALLATION, Reading
from pennon.model.flags import Wire


class Project(Wire, frozen=True, kw_only=True):
    """A project. An item (`project`) of the installation's log."""

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    description: str = ""


def projects(reading: Reading, *, after: str | None = None, limit: int | None = None) -> list[Project]:
    """Return projects in the order of their keys."""
    return [stored.read(Project) for stored in reading.items(INSTALLATION, "project", after=after, limit=limit)]


def project(reading: Reading, key: str) -> Project:
    """Return a project. Raises `NotFound`."""
    if (found := reading.item(INSTALLATION, "project", key)) is None:
        raise NotFound("project", key)
    return found.read(Project)
