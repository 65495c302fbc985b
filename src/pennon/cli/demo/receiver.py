"""The far end of the demo's webhook: takes what is posted to it, and says thank you."""

import http.server
import threading
from types import TracebackType
from typing import Self


class Receiver:
    """Listens on a free port of this machine. `taken` is how much was posted."""

    def __init__(self) -> None:
        self.taken = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/releases"
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's name
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.taken += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the terminal is the demo's."""

        return Handler
