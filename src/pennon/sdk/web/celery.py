"""Tasks of Celery: each has its flags, for whom the request or task that sent it had, and the worker reports its own.

CeleryFlags(app, client=client)

@app.task
def send_mail():
    if request_flags().boolean("new-mail"): …
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from functools import partial
from typing import Any

import celery  # type: ignore[import-untyped]
from celery import signals

from pennon.sdk._core import Core
from pennon.sdk.client import Client
from pennon.sdk.web.scope import RequestFlags, begin, current, end

_HEADER = "pennon_context"
_FLUSH_S = 5.0


class CeleryFlags:
    """Gives each task that a worker of this program runs its flags: `request_flags()`.

    The attributes in *pass_on* travel with each task that is sent, so that it sees what its sender saw: the targeting
    key alone unless told, for brokers keep what they are given. *context* finds more in the task, which has `request`.
    """

    def __init__(
        self,
        app: celery.Celery,
        *,
        client: Core,
        context: Callable[[celery.Task], Mapping[str, Any]] | None = None,
        pass_on: Iterable[str] = ("targetingKey",),
    ) -> None:
        self._app = app
        self._client = client
        self._context = context
        self._pass_on = tuple(pass_on)
        self._tokens: dict[str, Token[RequestFlags]] = {}
        # Signals hold what they call weakly: the application holds this.
        app.pennon_flags = self
        signals.before_task_publish.connect(self._send)
        signals.task_prerun.connect(self._begin)
        signals.task_postrun.connect(self._end)
        signals.worker_process_shutdown.connect(self._report)

    def _send(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        flags = current()
        if headers is not None and flags is not None and flags.client is self._client:
            headers[_HEADER] = self._passed_on(flags)

    def _begin(self, task_id: str, task: celery.Task, **_: Any) -> None:
        if task.app is not self._app:
            return  # signals are those of all applications of the process
        outer = current() if task.request.is_eager else None
        self._tokens[task_id] = begin(self._client, partial(self._find, task, outer))[1]

    def _end(self, task_id: str, **_: Any) -> None:
        if (token := self._tokens.pop(task_id, None)) is not None:
            end(token)

    def _passed_on(self, flags: RequestFlags) -> dict[str, Any]:
        return {name: flags.context[name] for name in self._pass_on if name in flags.context}

    def _find(self, task: celery.Task, outer: RequestFlags | None) -> dict[str, Any]:
        """Return who the task is for. One that runs where it was called has no headers, but its caller's flags."""
        sent = task.request.get(_HEADER) or (self._passed_on(outer) if outer else {})
        return {**sent, **({} if self._context is None else self._context(task))}

    def _report(self, **_: Any) -> None:
        """Report what this worker process counted: it ends without running what ends Python programs."""
        if isinstance(self._client, Client):
            self._client.flush(_FLUSH_S)
