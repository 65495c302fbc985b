"""A whole Pennon server inside this process, in a thread of its own."""

import asyncio
import threading
from pathlib import Path
from typing import Self

from pennon.cli import server
from pennon.control.app import FirstStart, create_app
from pennon.control.config import Settings

_START_S = 30
_STOP_S = 10


class Embedded:
    """A server on *port* (0: a free one) with its data in *folder*. `url` is known once it is entered."""

    def __init__(self, folder: Path, port: int) -> None:
        self.first: FirstStart | None = None
        self._listener = server.listen("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        settings = Settings(data=str(folder), drain_timeout_s=1)
        self._app = create_app(settings, announce=self._announce)
        self._config = server.configured(self._app, drain_timeout_s=1)
        self._ready = threading.Event()
        self._server = server.Server(self._config, ready=self._ready.set, drain=self._app.state.drain)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="pennon-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_S) or self._failure is not None:
            raise RuntimeError("the embedded server did not start") from self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(_STOP_S)

    def _announce(self, first: FirstStart) -> None:
        self.first = first

    def _run(self) -> None:
        try:
            with self._listener, asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
                runner.run(server.serve(self._app, self._server, self._listener))
        except Exception as error:  # noqa: BLE001  # the thread's end: whoever waits for the server raises it
            self._failure = error
            self._ready.set()
