"""What there is of environments, for pages and for other nouns."""

from pennon.control.environments.ownership import FilesOwner
from pennon.control.environments.protection import Protection
from pennon.control.errors import NotFound
from pennon.control.log import INSTALLATION, EnvironmentName, Reading, project_log
from pennon.control.projects.views import project as find_project
from pennon.model.flags import Wire


class Environment(Wire, frozen=True, kw_only=True):
    """An environment. An item (`environment`) of its project's log.

    `production` marks what users see, so that tools ask twice. `client_rules` lets browsers have the rules of
    client-side flags, to evaluate by themselves; whoever reads them can. `protection` is what changes have to meet.
    What has `files` is changed by them only.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    description: str = ""
    production: bool = False
    client_rules: bool = False
    protection: Protection | None = None
    files: FilesOwner | None = None


def environments(
    reading: Reading, project: str, *, after: str | None = None, limit: int | None = None
) -> list[Environment]:
    """Return a project's environments in the order of their keys. Raises `NotFound` for the project."""
    find_project(reading, project)
    found = reading.items(project_log(project), "environment", after=after, limit=limit)
    return [stored.read(Environment) for stored in found]


def environment(reading: Reading, name: EnvironmentName) -> Environment:
    """Return an environment. Raises `NotFound`, for the project if that is what is missing."""
    if (found := reading.item(project_log(name.project), "environment", name.environment)) is None:
        find_project(reading, name.project)
        raise NotFound("environment", name.environment)
    return found.read(Environment)


def environment_names(reading: Reading) -> list[EnvironmentName]:
    """Return every environment of every project, in order."""
    return [
        EnvironmentName(project.key, environment.key)
        for project in reading.items(INSTALLATION, "project")
        for environment in reading.items(project_log(project.key), "environment")
    ]
