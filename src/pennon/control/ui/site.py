"""Puts the pages together: their routes behind one guard, with pages for what goes wrong."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.di import Provide

from pennon.control.config import Settings
from pennon.control.mounting import Mounted
from pennon.control.ui.account import account_pages
from pennon.control.ui.assets import PATH as ASSETS
from pennon.control.ui.assets import answer_asset
from pennon.control.ui.attention import attention_pages
from pennon.control.ui.changes import change_pages
from pennon.control.ui.comparing import comparing_pages
from pennon.control.ui.defining import defining_pages
from pennon.control.ui.deliveries import delivery_pages
from pennon.control.ui.environments import environment_pages
from pennon.control.ui.evaluations import evaluation_pages
from pennon.control.ui.external_events import external_event_pages
from pennon.control.ui.failures import exception_handlers
from pennon.control.ui.flag import flag_pages
from pennon.control.ui.flags import flags_pages
from pennon.control.ui.home import home_pages
from pennon.control.ui.inputs import Named, provide_form, provide_last_key
from pennon.control.ui.installation import installation_pages
from pennon.control.ui.keys import key_pages
from pennon.control.ui.layers import layer_pages
from pennon.control.ui.past import past_pages
from pennon.control.ui.people import people_pages
from pennon.control.ui.planning import planning_pages
from pennon.control.ui.project import project_pages
from pennon.control.ui.propagation import propagation_pages
from pennon.control.ui.rendering import Pages
from pennon.control.ui.request_editing import request_editing_pages
from pennon.control.ui.requests import request_pages
from pennon.control.ui.reviewing import review_pages
from pennon.control.ui.roles import role_pages
from pennon.control.ui.routes import PROJECT
from pennon.control.ui.rule import rule_pages
from pennon.control.ui.schedules import schedule_pages
from pennon.control.ui.segments import segment_pages
from pennon.control.ui.sessions import session_pages
from pennon.control.ui.signing_in import signing_in_routes
from pennon.control.ui.switching import switching_pages
from pennon.control.ui.tokens import token_pages
from pennon.control.ui.value_schemas import value_schema_pages
from pennon.control.ui.visitors import OPEN, visitor_guard
from pennon.control.ui.webhook_owners import Owner, provide_installation, provide_project
from pennon.control.ui.webhooks import webhook_pages
from pennon.control.ui.why import why_pages

_MAX_FORM = 1024 * 1024


def page_routes(pages: Pages, settings: Settings) -> Mounted:
    """Return the pages of a server with *settings*."""

    @get(ASSETS + "{file:str}", sync_to_thread=False, opt={OPEN: True})
    def read_asset(request: Request[Any, Any, Any], file: Named) -> Response[bytes]:
        """Answer with a file of the pages."""
        return answer_asset(file, request.headers)

    return Mounted(
        "/",
        route_handlers=[
            read_asset,
            *signing_in_routes(pages, is_secure=(settings.public_url or "").startswith("https://")),
            *account_pages(pages, is_secure=(settings.public_url or "").startswith("https://")),
            *people_pages(pages),
            *role_pages(pages),
            *token_pages(pages),
            *session_pages(pages),
            *installation_pages(pages),
            *home_pages(pages),
            *attention_pages(pages),
            *flags_pages(pages),
            *flag_pages(pages),
            *evaluation_pages(pages),
            *defining_pages(pages),
            *value_schema_pages(pages),
            *rule_pages(pages),
            *comparing_pages(pages),
            *switching_pages(pages),
            *review_pages(pages),
            *request_pages(pages),
            *request_editing_pages(pages),
            *schedule_pages(pages),
            *planning_pages(pages),
            *change_pages(pages),
            *past_pages(pages),
            *propagation_pages(pages),
            *segment_pages(pages),
            *project_pages(pages),
            *environment_pages(pages),
            *key_pages(pages, public_url=settings.public_url),
            *layer_pages(pages),
            _webhook_router(pages, PROJECT + "/webhooks", provide_project),
            _webhook_router(pages, "/installation/webhooks", provide_installation),
            *external_event_pages(pages, public_url=settings.public_url),
            *why_pages(pages, limits=settings.limits),
        ],
        guards=[visitor_guard(pages.services)],
        dependencies={
            "form": Provide(provide_form),
            "last_key": Provide(provide_last_key, sync_to_thread=False),
        },
        exception_handlers=exception_handlers(pages),
        request_max_body_size=_MAX_FORM,
        include_in_schema=False,
    )


def _webhook_router(pages: Pages, path: str, owner: Callable[..., Owner]) -> Mounted:
    """Return the pages of the webhooks of *owner*, below *path*."""
    return Mounted(
        "/",
        route_handlers=[*webhook_pages(pages, path), *delivery_pages(pages, path + "/{webhook:str}")],
        dependencies={"owner": Provide(owner, sync_to_thread=False)},
    )
