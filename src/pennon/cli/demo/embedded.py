"""A whole Pennon server inside this process, in a thread of its own, and an edge node that follows it in another."""

import asyncio
import threading
from pathlib import Path
from typing import Self

from pennon.cli import server
from pennon.control.app import create_app
from pennon.control.assembly import FirstStart
from pennon.control.config import Settings
from pennon.edge.application import Application as EdgeApplication
from pennon.edge.config import Settings as EdgeSettings
from pennon.edge.node import EdgeNode

_START_S = 30
_STOP_S = 10
_DRAIN_S = 1
_HERE = "127.0.0.1"


class Running:
    """An application that is served on *port* of this machine (0: a free one). `url` is known from the beginning."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._listener = server.listen(_HERE, port)
        self.url = f"http://{_HERE}:{self._listener.getsockname()[1]}"
        self._ready = threading.Event()
        self._server: server.Server | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def make(self) -> server.Application:
        """Return the application. Called once, in the thread that serves it."""
        raise NotImplementedError  # abstract: each kind of program has its own

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_S) or self._failure is not None:
            raise RuntimeError(f"{self._name} did not start") from self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            app = self.make()
            config = server.configured(app, drain_timeout_s=_DRAIN_S)
            self._server = server.Server(config, ready=self._ready.set, drain=app.state.drain)
            with self._listener, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(server.serve(app, self._server, self._listener))
        except Exception as error:  # noqa: BLE001  # the thread's end: whoever waits for the server raises it
            self._failure = error
        finally:
            self._ready.set()


class Embedded(Running):
    """A server with its data in *folder*, or in a *database*; its webhooks may lead to this machine.

    `first` is what its start made.
    """

    def __init__(self, folder: Path, port: int, database: str | None = None) -> None:
        super().__init__("pennon-server", port)
        self.first: FirstStart | None = None
        settings = Settings(
            data=str(folder), database_url=database, drain_timeout_s=_DRAIN_S, webhook_networks=(f"{_HERE}/32",)
        )
        self._app = create_app(settings, announce=self._announce)

    def make(self) -> server.Application:
        """Return the server's application."""
        return self._app

    def _announce(self, first: FirstStart) -> None:
        self.first = first


class EmbeddedEdge(Running):
    """An edge node called *name* that follows *upstream* by an edge key, with its data in *folder*."""

    def __init__(self, name: str, folder: Path, upstream: str, key: str) -> None:
        super().__init__(f"pennon-{name}", 0)
        self._settings = EdgeSettings(
            upstream=(upstream,), key=key, name=name, data=str(folder), host=_HERE, port=0, drain_timeout_s=_DRAIN_S
        )

    def make(self) -> server.Application:
        """Return the node's application."""
        return EdgeApplication(EdgeNode(self._settings))
