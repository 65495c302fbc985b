"""How the installation does, over HTTP: for `pennon doctor`, and whoever watches."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.api.answers import ListOf, list_answer
from pennon.control.api.routes import reads
from pennon.control.config import Settings
from pennon.control.health.checks import HealthCheck, Level, proxy_check
from pennon.control.services import Services

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class HealthCheckResource(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `bad` must be mended now, `warn` soon; `note` may be meant."""

    what: str
    level: Level
    detail: str
    mend: str
    runbook: str


def health_check_routes(services: Services, settings: Settings) -> list[Any]:
    """Return the routes."""

    @reads("/health", ListOf[HealthCheckResource], permission="installation.read")
    def show_health(request: Request[Any, Any, Any]) -> Response[Any]:
        """Look at the server, its database, its bus and the nodes below it. Takes up to a few seconds."""
        found = [*services.health.checks(), _who_asks(request)]
        return list_answer((msgspec.json.encode(_shown(each)) for each in found), None)

    def _who_asks(request: Request[Any, Any, Any]) -> HealthCheck:
        client = request.client.host if request.client else "unknown"
        forwarded = any(name in request.headers for name in _FORWARDED)
        return proxy_check(
            services.health.machine, client=client, forwarded=forwarded, believed=bool(settings.trusted_proxies)
        )

    return [show_health]


def _shown(check: HealthCheck) -> HealthCheckResource:
    return HealthCheckResource(**msgspec.structs.asdict(check))
