"""A call: a request whose key was checked, and what an endpoint says about itself."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from pennon.model import KeyKind, Position
from pennon.protocol import Projection
from pennon.stream.environment import Environment
from pennon.stream.http import Answer, Headers, Refusal, Request
from pennon.stream.keys import Access
from pennon.stream.node import StreamNode

_PROJECTIONS: dict[KeyKind, Projection] = {"server": "server", "edge": "edge", "client": "client"}


class Call(msgspec.Struct, frozen=True):
    """A request to *environment* by a key that may make it. `rest` is what the path has after the endpoint's own."""

    node: StreamNode
    request: Request
    access: Access
    environment: Environment
    rest: str = ""

    @property
    def projection(self) -> Projection:
        """What of the environment the key may see."""
        return _PROJECTIONS[self.access.kind]

    @property
    def now(self) -> float:
        """The time that ages are counted in."""
        return self.node.now()

    def since(self) -> Position | None:
        """Return the position in `?since=`. Raises `Refusal` for one that is none."""
        text = self.request.query.get("since")
        return None if text is None else parsed_position(text)

    def standing(self) -> Headers:
        """Return the headers that say where the answer stands."""
        return standing(self.environment, self.now)


class Until(msgspec.Struct, frozen=True):
    """For how long who made a call may make it again: until a key changes, or its time is over."""

    generation: int
    time: float

    @classmethod
    def now(cls, call: Call) -> "Until":
        """Return what is so for the key of *call*."""
        keys = call.node.keys
        # Whose path an edge node is in may change at any time.
        is_node = call.request.headers.line(b"x-pennon-node") is not None
        return cls(keys.generation, 0.0 if is_node else keys.until(call.access.key_hash))

    def holds(self, call: Call) -> bool:
        """Whether *call* would be admitted again."""
        node, environment = call.node, call.environment
        return (
            self.generation == node.keys.generation
            and node.clock.time() < self.time
            and node.environments.get(environment.name) is environment
            and node.reader.doubts(environment.name) is None
        )


def standing(environment: Environment, now: float) -> Headers:
    """Return the headers that say where *environment* stands."""
    hub = environment.hub
    return (("x-pennon-revision", str(hub.position)), ("x-pennon-age", f"{hub.age(now):.3f}"))


def parsed_position(text: str) -> Position:
    """Return the position that a request names. Raises `Refusal`."""
    try:
        return Position.parse(text)
    except ValueError as error:
        raise Refusal(400, "Bad position", str(error)) from error


Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]
Credential: TypeAlias = Callable[[StreamNode, Request, str], Access]
"""Finds out who calls. Raises `Refusal`."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What may be called: by whom, from where, and who answers.

    `browser`: pages of other origins may call it, with a client key. `ofrep`: errors have OFREP's shape. `takes_rest`:
    the path goes on, and what comes is the handler's. `of_all`: it is about all that the key opens.
    """

    method: str
    path: str
    kinds: frozenset[KeyKind]
    handler: Handler
    credential: Credential
    browser: bool = False
    ofrep: bool = False
    takes_rest: bool = False
    of_all: bool = False


class PublicEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may call, from any page, with GET: all paths that begin with `path`. `handler` is given the rest."""

    path: str
    handler: Callable[[Request, str], Answer]
    method: str = "GET"
    browser: bool = True
    ofrep: bool = False
    takes_rest: bool = True
