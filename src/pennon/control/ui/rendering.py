"""Makes pages of templates: what all of them have about their contents, and the headers that keep strangers out."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import msgspec
from litestar import Request, Response
from litestar.response import Redirect

from pennon.control.access.permissions import Permission, Where
from pennon.control.clock import Clock
from pennon.control.contexts.moves import sentence as moved
from pennon.control.environments.protection import broke_glass
from pennon.control.environments.views import Environment, environments
from pennon.control.errors import NotFound
from pennon.control.log import EnvironmentName, Reading
from pennon.control.projects.views import Project, projects
from pennon.control.services import Services
from pennon.control.ui.assets import asset_path
from pennon.control.ui.charts import DASHES, VIEW_BOX, compact
from pennon.control.ui.packing import packed
from pennon.control.ui.visitors import Visitor

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""What every page is sent with: nothing inline runs, nobody frames it, no cache keeps it."""
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Frame(msgspec.Struct, frozen=True):
    """What stands about a page: who looks, at which project and environment of which, and what else there is."""

    visitor: Visitor
    projects: tuple[Project, ...] = ()
    project: Project | None = None
    environments: tuple[Environment, ...] = ()
    environment: Environment | None = None

    @property
    def foremost(self) -> Environment | None:
        """The environment that matters most: the first of production, or else the last."""
        return next((each for each in self.environments if each.production), (*self.environments, None)[-1])

    def may(self, permission: Permission, environment: Environment | None = None) -> bool:
        """Return whether the visitor may do that in *environment*, or else in the project."""
        at = environment or self.environment
        where = Where(
            None if self.project is None else self.project.key,
            None if at is None else at.key,
            at is not None and at.production,
        )
        return self.visitor.principal.may(permission, where)

    def may_in_project(self, permission: Permission) -> bool:
        """Return whether the visitor may do that to the project as a whole."""
        return self.visitor.principal.may(permission, Where(None if self.project is None else self.project.key))

    def may_in_installation(self, permission: Permission) -> bool:
        """Return whether the visitor may do that to the installation, which belongs to no project."""
        return self.visitor.principal.may(permission, Where())

    @property
    def name(self) -> EnvironmentName:
        """The environment that the page is about."""
        if self.project is None or self.environment is None:
            raise NotFound("environment", "")
        return EnvironmentName(self.project.key, self.environment.key)


class Pages:
    """Answers requests with pages."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self.services = services
        self.clock = clock
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("pennon.control.ui"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            asset=asset_path, path=page_path, query=query_text, broke_glass=broke_glass, moved=moved
        )
        self._templates.globals.update(view_box=VIEW_BOX, dashes=DASHES)
        self._templates.filters.update(
            ago=self.ago, day=_day, moment=_moment, compact=compact, share=_share, words=_words, json=_json, side=_side
        )

    def frame(
        self, visitor: Visitor, reading: Reading, project: str | None = None, environment: str | None = None
    ) -> Frame:
        """Return what stands about a page of *project* and *environment*. Raises `NotFound`."""
        known = tuple(each for each in projects(reading) if visitor.principal.sees(each.key))
        if project is None:
            return Frame(visitor, known)
        found = next((each for each in known if each.key == project), None)
        if found is None:
            raise NotFound("project", project)
        seen = tuple(
            each
            for each in sorted(environments(reading, project), key=lambda each: (each.production, each.key))
            if visitor.principal.may("read", Where(project, each.key, each.production))
        )
        at = next((each for each in seen if each.key == environment), None)
        if environment is not None and at is None:
            raise NotFound("environment", environment)
        return Frame(visitor, known, found, seen, at)

    def answer(
        self, request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: Any
    ) -> Response[bytes]:
        """Return the page that *template* makes of *values*; `frame` among them is what stands about it."""
        values.setdefault("frame", None)
        asked = request.query_params
        told = {"done": asked.get("done", ""), "revision": asked.get("revision", "")}
        page = self._templates.get_template(template).render(
            **{**told, **values},
            request_id=request.scope.get("state", {}).get("request_id", ""),
            is_after_form=request.method == "POST",
        )
        body, said = packed(page.encode(), request.headers)
        return Response(body, status_code=status, media_type="text/html", headers={**HEADERS, **said})

    def ago(self, time: datetime | int | float) -> str:
        """Return how long ago *time* was, or how far away it is: `3 min ago`, `in 2 h`."""
        then = time if isinstance(time, datetime) else datetime.fromtimestamp(time, UTC)
        seconds = (self.clock.now() - then).total_seconds()
        text = _span(abs(seconds))
        if text is None:
            return "just now"
        return f"{text} ago" if seconds > 0 else f"in {text}"


def page_path(*steps: str, **query: str | int | None) -> str:
    """Return the address of a page: the *steps* of its path, each escaped, and what of the *query* is not None."""
    return "/" + "/".join(quote(step, safe="") for step in steps) + query_text(query)


def query_text(query: Mapping[str, str | int | None], **more: str | int | None) -> str:
    """Return what of the *query*, and *more*, is not None as the end of an address, from its question mark on."""
    asked = urlencode({name: value for name, value in {**query, **more}.items() if value is not None})
    return f"?{asked}" if asked else ""


def sent_to(path: str) -> Redirect:
    """Return the answer that sends a browser to *path* after a form, so that reloading sends nothing twice."""
    return Redirect(path, status_code=303, headers=dict(HEADERS))


def here(request: Request[Any, Any, Any]) -> str:
    """Return the address that *request* asked for, without the host."""
    query = request.scope["query_string"].decode("latin-1")
    return request.scope["path"] + (f"?{query}" if query else "")


def _span(seconds: float) -> str | None:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s" if seconds >= 5 else None


def _moment(time: datetime | int | float) -> str:
    then = time if isinstance(time, datetime) else datetime.fromtimestamp(time, UTC)
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"


def _share(part: float) -> str:
    return f"{round(part * 100, 2):g} %"


def _words(name: str) -> str:
    """Return a name of the API as words: `flag turned off` of `turnOff`."""
    return _WORD.sub(" ", name).lower()


def _side(value: object) -> str:
    """Return one side of a difference: empty where there was nothing."""
    return "" if value is msgspec.UNSET else _json(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
