"""What wants attention, and takes a while to find: flags that may go, and how the installation does."""

from collections import Counter
from typing import Any

from litestar import Request, Response

from pennon.control.access.permissions import Where
from pennon.control.health.checks import HealthCheck, Level
from pennon.control.ui.flags import REASONS
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import PROJECT, shows
from pennon.control.ui.visitors import Visitor

_FLAGS = 10


def attention_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/attention")
    def show_attention(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show which flags are stale, and what of the installation is not well, to who may see that."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        stale = pages.services.stale_views.judged(project)
        reasons = Counter(reason.reason for flag in stale for reason in flag.reasons)
        sees = request.user.principal.may("installation.read", Where())
        checks = pages.services.health.checks(is_quick=True) if sees else []
        return pages.answer(
            request,
            "attention.html",
            frame=frame,
            stale=stale[:_FLAGS],
            count=len(stale),
            counts=reasons.most_common(),
            reasons=REASONS,
            sees_health=sees,
            ill=sorted((each for each in checks if each.level != Level.WELL), key=_gravity),
            looked_at=len(checks),
        )

    return [show_attention]


def _gravity(check: HealthCheck) -> int:
    return [Level.BAD, Level.WARN, Level.NOTE, Level.WELL].index(check.level)
