"""Puts routes together to one ASGI application: errors as problems, request ids, `HEAD`, `Allow`, metrics."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, ControllerRouterHandler

from pennon.control.api.access import access_routes
from pennon.control.api.accounts import account_routes
from pennon.control.api.admitting import Admitting
from pennon.control.api.authentication import token_guard
from pennon.control.api.changes import change_routes
from pennon.control.api.code import code_routes
from pennon.control.api.errors import EXCEPTION_HANDLERS
from pennon.control.api.evaluations import evaluation_routes
from pennon.control.api.external_events import external_event_routes
from pennon.control.api.feed import feed_routes
from pennon.control.api.files import file_routes
from pennon.control.api.flags import flag_routes
from pennon.control.api.front import Front
from pennon.control.api.health import Readiness, health_routes
from pennon.control.api.health_checks import health_check_routes
from pennon.control.api.imports import import_routes
from pennon.control.api.inputs import (
    provide_command,
    provide_environment,
    provide_expected,
    provide_item_key,
    provide_leave,
    provide_paging,
)
from pennon.control.api.lanes import Sizes
from pennon.control.api.layers import layer_routes
from pennon.control.api.lifecycle import lifecycle_routes
from pennon.control.api.metrics import HttpMetrics
from pennon.control.api.openapi import openapi_route
from pennon.control.api.problems import answer_http_exception
from pennon.control.api.projects import project_routes
from pennon.control.api.propagation import propagation_routes
from pennon.control.api.rates import Rates
from pennon.control.api.requests import request_routes
from pennon.control.api.roles import role_routes
from pennon.control.api.routes import OPEN
from pennon.control.api.schedules import schedule_routes
from pennon.control.api.segments import segment_routes
from pennon.control.api.sessions import session_routes
from pennon.control.api.sign_in import sign_in_routes
from pennon.control.api.signing import signing_routes
from pennon.control.api.value_schemas import value_schema_routes
from pennon.control.api.webhooks import webhook_routes
from pennon.control.config import Settings
from pennon.control.mounting import Mounted
from pennon.control.services import Services
from pennon.stream import Endpoints

PREFIX = "/api/v1"
MAX_BODY = 1024 * 1024
"""Of bodies that hold no segment, unless the largest allowed flag is larger."""
MAX_IMPORT = 64 * 1024 * 1024
"""Of an import: 10,000 flags are one change, so that nothing is ever half imported."""
BODY_SLACK = 64 * 1024
"""What may stand about an item of the largest allowed size in a body."""


def build_application(  # noqa: PLR0913  # what a server is made of
    services: Services,
    settings: Settings,
    *,
    node: Endpoints | None = None,
    checks: Sequence[Callable[[], Awaitable[str | None]]] = (),
    metrics: HttpMetrics,
    traced: Callable[[ASGIApp], ASGIApp] | None = None,
    lifespan: Callable[[], AbstractAsyncContextManager[None]],
    pages: Sequence[ControllerRouterHandler] = (),
    astray: Callable[[Request[Any, Any, Any]], Response[Any]] | None = None,
) -> Litestar:
    """Return the server's application: the admin API, health, and beside them the *node* that SDKs call.

    *checks* say what is missing for the server to be ready; *lifespan* is entered before the first request; *pages* are
    what people see, and *astray* answers the browser of one who asks for a path that is not there. *traced* makes an
    application one whose requests are traced.
    """
    guard = token_guard(services)
    health = health_routes(Readiness(checks), metrics, metrics_guard=None if settings.metrics_open else guard)
    app = Litestar(
        route_handlers=[admin_api(services, settings, guard), *health, *pages],
        exception_handlers={**EXCEPTION_HANDLERS, HTTPException: _http_exceptions(astray)},
        lifespan=[lambda _: lifespan()],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Admitting(
        app.asgi_handler,
        sizes=sizes_of(settings),
        rates=Rates(settings.max_request_rate, settings.max_request_burst) if settings.max_request_rate else None,
        open_paths=_open_paths(app),
        registry=metrics.registry,
    )
    if traced is not None:
        app.asgi_handler = traced(app.asgi_handler)
    methods = {route.path_format: route.methods for route in app.routes if hasattr(route, "methods")}
    app.asgi_handler = Front(app.asgi_handler, methods=methods, metrics=metrics, node=node)
    return app


def _http_exceptions(astray: Callable[[Request[Any, Any, Any]], Response[Any]] | None) -> Any:
    def answer(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        is_page = not request.scope["path"].startswith(PREFIX) and "text/html" in request.headers.get("accept", "")
        if astray is not None and is_page and error.status_code == HTTPStatus.NOT_FOUND:
            return astray(request)
        return answer_http_exception(request, error)

    return answer


def _open_paths(app: Litestar) -> set[str]:
    return {
        route.path
        for route in app.routes
        if isinstance(route, HTTPRoute)
        if any(handler.opt.get(OPEN) for handler in route.route_handlers)
    }


def sizes_of(settings: Settings) -> Sizes:
    """Return how much of the admin API's work is done at once."""
    return Sizes(shared=settings.max_requests, large=settings.max_imports)


def admin_api(services: Services, settings: Settings, guard: Any) -> Mounted:
    """Return the admin API, behind *guard*."""
    inputs = {
        "where": Provide(provide_environment, sync_to_thread=False),
        "command": Provide(provide_command),
        "leave": Provide(provide_leave, sync_to_thread=False),
        "expected": Provide(provide_expected, sync_to_thread=False),
        "paging": Provide(provide_paging, sync_to_thread=False),
        "item_key": Provide(provide_item_key, sync_to_thread=False),
    }

    is_secure = (settings.public_url or "").startswith("https://")

    def router(*routes: ControllerRouterHandler) -> Mounted:
        return Mounted(
            PREFIX,
            route_handlers=[
                *project_routes(services),
                *flag_routes(services),
                *value_schema_routes(services, settings.max_flag_bytes + BODY_SLACK),
                *lifecycle_routes(services),
                *code_routes(services),
                *segment_routes(services, settings.max_segment_bytes + BODY_SLACK),
                *layer_routes(services),
                *change_routes(services, settings.max_segment_bytes + BODY_SLACK),
                *request_routes(services, settings.max_segment_bytes + BODY_SLACK),
                *schedule_routes(services, settings.max_segment_bytes + BODY_SLACK),
                *webhook_routes(services),
                *external_event_routes(services),
                *feed_routes(services),
                *import_routes(services, max(MAX_IMPORT, settings.max_segment_bytes + BODY_SLACK)),
                *file_routes(services, max(MAX_IMPORT, settings.max_segment_bytes + BODY_SLACK)),
                *evaluation_routes(services, settings.limits),
                *access_routes(services),
                *account_routes(services),
                *session_routes(services, is_secure=is_secure),
                *sign_in_routes(services, is_secure=is_secure),
                *role_routes(services),
                *propagation_routes(services),
                *health_check_routes(services, settings),
                *signing_routes(services),
                *routes,
            ],
            guards=[guard],
            dependencies=inputs,
            request_max_body_size=max(MAX_BODY, settings.max_flag_bytes + BODY_SLACK),
        )

    return router(openapi_route(router))
