"""How a server leaves those who are connected: whoever got in is answered, and told that this was the last time."""

import asyncio
from collections.abc import Collection
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pennon.cli.http import BoundedHttp

FOLLOWED_S = 1.0
"""For so long a server that another one follows answers on open connections: a client may be asking right now."""
_FIRST_REQUEST_S = 1.0
"""For so long a client who has connected may take to ask."""
_LOOK_S = 0.02


class LeavingHttp(BoundedHttp):
    """Answers what is asked on a connection that ends, and says with the answer that it ends."""

    _is_leaving = False

    @property
    def has_not_asked(self) -> bool:
        """Whether nothing was asked on this connection yet. Its client cannot know that the server ends."""
        return self.cycle is None

    def leave(self) -> None:
        """End the connection with the next answer, or the one under way."""
        self._is_leaving = True
        self._let_the_last_be_said()

    def on_headers_complete(self) -> None:
        """Go on with a request."""
        super().on_headers_complete()
        if self._is_leaving:
            self._let_the_last_be_said()

    def _let_the_last_be_said(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False


async def answer_the_last(connections: Collection[Any], *, is_followed: bool) -> None:
    """Answer what is still asked on *connections*, none of which is new any more, for a short time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + (FOLLOWED_S if is_followed else _FIRST_REQUEST_S)
    for connection in tuple(connections):
        connection.leave()
    while loop.time() < until and any(is_followed or connection.has_not_asked for connection in connections):
        await asyncio.sleep(_LOOK_S)
