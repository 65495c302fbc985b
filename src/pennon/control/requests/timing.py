"""Makes requests at their time. Every server does, and each is made once: being made ends it, in one transaction."""

from datetime import datetime, timedelta

import structlog

from pennon.control.changes.waiting import Waiting
from pennon.control.clock import Clock
from pennon.control.environments.gate import Permit, permit_everybody
from pennon.control.errors import Conflict, Forbidden, PennonError, Unavailable
from pennon.control.log import SYSTEM, Actor, ChangeLog, project_log
from pennon.control.requests.models import Attempt, ChangeRequest
from pennon.control.requests.service import RequestService
from pennon.control.requests.views import KIND, lapsed, timed

LATEST = timedelta(hours=1)
"""What no server could make at its time is not made later than so: people have gone by then."""
THROUGH = "at the request's time"

_log = structlog.get_logger(__name__)


class TimedRequests:
    """The work of requests that have a time, as a chore of a server."""

    def __init__(
        self, log: ChangeLog, clock: Clock, requests: RequestService, *, permit: Permit = permit_everybody
    ) -> None:
        self._log = log
        self._clock = clock
        self._requests = requests
        self._permit = permit
        self._waiting = Waiting(timed)

    def run(self) -> datetime | None:
        """Make what is due, and return when there is something to make next. Raises what kept one, after all."""
        now = self._clock.now()
        with self._log.reading() as reading:
            waiting = self._waiting.look(reading)
        errors: list[Exception] = []
        for project, found in waiting:
            if found.apply_at is not None and found.apply_at <= now:
                try:
                    self._make(project, found, now)
                except Exception as error:  # noqa: BLE001  # boundary: one that cannot be made must not keep the others
                    errors.append(error)
        if errors:
            raise errors[0]
        return min((at for _, found in waiting if (at := found.apply_at) is not None and at > now), default=None)

    def _make(self, project: str, found: ChangeRequest, now: datetime) -> None:
        refused: PennonError | None = None
        makers: list[Actor] = []
        if found.apply_at is not None and now - found.apply_at > LATEST:
            refused = Conflict("no server could make it at its time", mend="apply it by hand, if it still fits")
        else:
            makers = self._makers(project, found)
        for maker in makers:
            try:
                self._requests.apply_request(project, found.key, by=maker.through(THROUGH))
            except Forbidden as error:
                refused = error
            except Unavailable:
                raise
            except PennonError as error:
                refused = error
                break
            else:
                return
        if refused is not None:
            self._note(project, found, Attempt(at=now, why=str(refused)))

    def _makers(self, project: str, found: ChangeRequest) -> list[Actor]:
        """Return by whose rights it may be made: its author's, or those of who has approved it."""
        with self._log.reading() as reading:
            standing = found.without(lapsed(reading, project, found, self._permit))
        approved = (review.by for review in standing.verdicts().values() if review.verdict == "approved")
        return [each.actor for each in (found.author, *approved)]

    def _note(self, project: str, found: ChangeRequest, attempt: Attempt) -> None:
        log = project_log(project)
        why = f"{found.title} (request {found.key}): {attempt.why}"
        with self._log.writing(log, by=SYSTEM, action="missRequest", why=why) as writing:
            stored = writing.item(log, KIND, found.key)
            if stored is None or stored.version != found.version:  # another server was first, or somebody altered it
                return
            writing.put(log, KIND, found.missed(attempt))
        _log.warning("a request was not made at its time", project=project, request=found.key, why=attempt.why)
