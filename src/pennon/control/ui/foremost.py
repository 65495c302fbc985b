"""The way to the environment that matters most, where a page's address names none."""

from typing import Any

from litestar import Request, Response

from pennon.control.errors import NotFound
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor


def leads_to_foremost(pages: Pages, section: str) -> Any:
    """Return the route of a project's *section* that goes on to that of its foremost environment."""

    @shows(f"{PROJECT}/{section}")
    def choose_environment(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Go on to the environment that matters most."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        if (at := frame.foremost) is None:
            raise NotFound("environment", "")
        return sent_to(page_path("projects", project, "environments", at.key, section))

    return choose_environment
