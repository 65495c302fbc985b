"""Puts the pages together: their routes behind one guard, with pages for what goes wrong."""

from litestar import Response, Router, get
from litestar.di import Provide

from pennon.control.clock import Clock
from pennon.control.config import Settings
from pennon.control.services import Services
from pennon.control.ui.assets import PATH as ASSETS
from pennon.control.ui.assets import answer_asset
from pennon.control.ui.changes import change_pages
from pennon.control.ui.failures import exception_handlers
from pennon.control.ui.flag import flag_pages
from pennon.control.ui.flags import flags_pages
from pennon.control.ui.home import home_pages
from pennon.control.ui.inputs import Named, provide_form, provide_last_key
from pennon.control.ui.propagation import propagation_pages
from pennon.control.ui.rendering import Pages
from pennon.control.ui.requests import request_pages
from pennon.control.ui.reviewing import review_pages
from pennon.control.ui.segments import segment_pages
from pennon.control.ui.signing_in import signing_in_routes
from pennon.control.ui.switching import switching_pages
from pennon.control.ui.visitors import OPEN, visitor_guard
from pennon.control.ui.why import why_pages

_MAX_FORM = 1024 * 1024


def page_routes(services: Services, settings: Settings, clock: Clock) -> Router:
    """Return the pages of a server with *settings*."""
    pages = Pages(services, clock)

    @get(ASSETS + "{file:str}", sync_to_thread=False, opt={OPEN: True})
    def read_asset(file: Named) -> Response[bytes]:
        """Answer with a file of the pages."""
        return answer_asset(file)

    return Router(
        "/",
        route_handlers=[
            read_asset,
            *signing_in_routes(pages, is_secure=(settings.public_url or "").startswith("https://")),
            *home_pages(pages),
            *flags_pages(pages),
            *flag_pages(pages),
            *switching_pages(pages),
            *review_pages(pages),
            *request_pages(pages),
            *change_pages(pages),
            *propagation_pages(pages),
            *segment_pages(pages),
            *why_pages(pages, limits=settings.limits),
        ],
        guards=[visitor_guard(services)],
        dependencies={
            "form": Provide(provide_form),
            "last_key": Provide(provide_last_key, sync_to_thread=False),
        },
        exception_handlers=exception_handlers(pages),
        request_max_body_size=_MAX_FORM,
        include_in_schema=False,
    )
