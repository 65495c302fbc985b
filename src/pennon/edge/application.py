"""An edge node as an ASGI application: what SDKs call, and what those who run it ask."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import TypeAlias

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pennon.edge.node import EdgeNode
from pennon.stream import Endpoints, Intake, Quick
from pennon.stream.families import Family, added_up, families_of, registry_of
from pennon.stream.front import Front
from pennon.stream.http import JSON, NO_STORE, Answer, Receive, Request, Scope, Send, send_answer

_Asked: TypeAlias = Callable[[Request], Awaitable[Answer]]
STATUS = "/edge/v1/status"


class Application:
    """Answers for *edge*. `state` has what a server wants: `drain` ends all streams, `streams` takes connections,
    `quick` answers evaluations.
    """

    def __init__(self, edge: EdgeNode, others: Callable[[], Awaitable[list[list[Family]]]] | None = None) -> None:
        """Take *edge*; where it is one of several workers, *others* returns what the others have counted."""
        self.edge = edge
        self._others = others
        front = Front()
        self.state = SimpleNamespace(
            drain=edge.stream.drain, streams=Intake(edge.stream, front), quick=Quick(edge.stream, front)
        )
        endpoints = Endpoints(edge.stream, front=front)
        self._endpoints = endpoints if edge.tracing is None else edge.tracing.node(endpoints)
        self._asked: Mapping[str, _Asked] = {
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            STATUS: self._status,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and (asked := self._asked.get(scope["path"])) is not None:
            answer = await self._answered(asked, Request(scope, receive))
            name = (b"x-pennon-node", self.edge.name.encode())
            await send_answer(send, answer, extra=(name,), is_head=scope["method"] == "HEAD")
        else:
            await self._endpoints(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run the node."""
        async with self.edge:
            yield

    async def _answered(self, asked: _Asked, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return Answer(204, b"", (("allow", "GET, HEAD, OPTIONS"),))
        if request.method not in ("GET", "HEAD"):
            return _problem(405, "Method not allowed", "GET, HEAD or OPTIONS", ("allow", "GET, HEAD, OPTIONS"))
        return await asked(request)

    async def _alive(self, _request: Request) -> Answer:
        return Answer(200, b'{"status":"alive"}', (JSON,))

    async def _ready(self, _request: Request) -> Answer:
        if self.edge.is_ready:
            return Answer(200, b'{"status":"ready"}', (JSON, NO_STORE))
        is_stopping = self.edge.stream.is_draining
        waiting = "nothing: the node is stopping" if is_stopping else "an upstream, a store or defaults to serve from"
        body = msgspec.json.encode({"status": "not ready", "waitingFor": [waiting]})
        return Answer(503, body, (JSON, NO_STORE))

    async def _metrics(self, request: Request) -> Answer:
        if not self.edge.settings.metrics_open and (refusal := self._refused(request)) is not None:
            return refusal
        registry = self.edge.stream.metrics.registry
        if self._others is not None:
            registry = registry_of(added_up([families_of(registry), *await self._others()]))
        body = generate_latest(registry)
        return Answer(200, body, (("content-type", CONTENT_TYPE_LATEST), NO_STORE))

    async def _status(self, request: Request) -> Answer:
        return self._refused(request) or Answer(200, self.edge.status().to_json(), (JSON, NO_STORE))

    def _refused(self, request: Request) -> Answer | None:
        """Refuse who has not the node's own key: upstreams and names of environments are nobody else's."""
        if self.edge.opens(request.presented_key or ""):
            return None
        challenge = ("www-authenticate", 'Bearer realm="pennon"')
        return _problem(
            401, "No key" if request.presented_key is None else "Wrong key", "send the node's own edge key", challenge
        )


def _problem(status: int, title: str, detail: str, *headers: tuple[str, str]) -> Answer:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Answer(status, body, (("content-type", "application/problem+json"), *headers))
