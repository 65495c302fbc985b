"""Requests of Flask.

    FlaskFlags(app, client=client, context=lambda request: {"targetingKey": session["user"]})

    @app.get("/")
    def home():
        return render_template("new.html" if request_flags().boolean("new-home") else "old.html")

Templates have `flags` as well, and `{{ pennon_bootstrap() }}`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flask

from pennon.sdk._core import Core
from pennon.sdk.web.outdated import seen_in_environ
from pennon.sdk.web.scope import ContextSource, FlagsOutdated, begin, current, end
from pennon.sdk.web.templates import bootstrap_of

_TOKEN = "_pennon_token"


class FlaskFlags:
    """Gives each request of *app* its flags: `request_flags()`, `g.flags`, and `flags` in templates.

    *context* finds who asks in Flask's request, when a flag is first evaluated. For an application factory leave *app*
    out and call `init_app`.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        client: Core,
        context: Callable[[flask.Request], Mapping[str, Any]] | None = None,
    ) -> None:
        self._client = client
        self._context = context
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Serve the requests of *app*."""
        app.extensions["pennon"] = self
        app.before_request(self._begin)
        app.teardown_request(self._end)
        app.register_error_handler(FlagsOutdated, _refuse)
        app.context_processor(lambda: {"flags": current()})
        app.jinja_env.globals["pennon_bootstrap"] = bootstrap_of(self._client)

    def _begin(self) -> None:
        request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # Flask's own word
        context: ContextSource = {} if self._context is None else partial(self._context, request)
        flask.g.flags, token = begin(self._client, context, partial(seen_in_environ, request.environ))
        setattr(flask.g, _TOKEN, token)

    def _end(self, _error: BaseException | None) -> None:
        if (token := flask.g.pop(_TOKEN, None)) is not None:
            end(token)


def _refuse(refusal: FlagsOutdated) -> flask.Response:
    return flask.Response(refusal.body, refusal.status, dict(refusal.headers))
