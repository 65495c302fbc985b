"""What there is of change requests, for pages and for other nouns."""

from pennon.control.errors import NotFound
from pennon.control.log import Reading, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.requests.models import ChangeRequest


def requests(reading: Reading, project: str) -> list[ChangeRequest]:
    """Return a project's requests, the newest first. Raises `NotFound` for the project."""
    find_project(reading, project)
    found = [stored.read(ChangeRequest) for stored in reading.items(project_log(project), "request")]
    return sorted(found, key=lambda request: (-request.created_at, request.key))


def request(reading: Reading, project: str, key: str) -> ChangeRequest:
    """Return a request. Raises `NotFound`, for the project if that is what is missing."""
    if (found := reading.item(project_log(project), "request", key)) is None:
        find_project(reading, project)
        raise NotFound("request", key)
    return found.read(ChangeRequest)
