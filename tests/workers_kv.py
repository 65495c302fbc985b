"""Workers KV as Cloudflare documents its API: a real server, with its statuses, limits and errors."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

ACCOUNT, NAMESPACE, TOKEN = "a1b2c3", "f00d", "secret-token"
_BULK_BYTES, _BULK_PAIRS = 100 * 10**6, 10_000
_VALUE_BYTES, _NAME_BYTES, _METADATA_BYTES = 25 * 2**20, 512, 1024


class WorkersKvServer:
    """One namespace. `values` and `metadata` are what is in it; `writes` tells each write of a key with its time.

    `refuse` answers the next requests with these statuses; *every_s*: how often a key may be written.
    """

    def __init__(self, *, every_s: float = 0.0) -> None:
        self.every_s = every_s
        self.values: dict[str, bytes] = {}
        self.metadata: dict[str, Any] = {}
        self.writes: list[tuple[str, float]] = []
        self.refuse: list[tuple[int, dict[str, str]]] = []
        self.refused_keys: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/client/v4"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            self.requests.append((method, path))
            if self.refuse:
                status, headers = self.refuse.pop(0)
                return status, _error(10000 + status, "refused by the test"), headers
            if token != f"Bearer {TOKEN}":
                return 401, _error(10000, "Authentication error"), {}
            start = f"/client/v4/accounts/{ACCOUNT}/storage/kv/namespaces/{NAMESPACE}"
            if not path.startswith(start):
                return 404, _error(10013, "namespace not found"), {}
            rest = path.removeprefix(start)
            if method == "PUT" and rest == "/bulk":
                return self._bulk(body)
            if method == "GET" and rest.startswith("/metadata/"):
                return self._metadata(unquote(rest.removeprefix("/metadata/")))
            return 405, _error(10000, "method not allowed"), {}

    def _bulk(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        pairs = json.loads(body)
        if len(body) > _BULK_BYTES or len(pairs) > _BULK_PAIRS:
            return 413, _error(10011, "request too large"), {}
        now = time.monotonic()
        last = dict(self.writes)
        for pair in pairs:
            value = base64.b64decode(pair["value"], validate=True) if pair.get("base64") else pair["value"].encode()
            too_long = len(value) > _VALUE_BYTES or len(json.dumps(pair.get("metadata"))) > _METADATA_BYTES
            if too_long or not 0 < len(pair["key"].encode()) <= _NAME_BYTES:
                return 400, _error(10022, "invalid key or value"), {}
            if now - last.get(pair["key"], float("-inf")) < self.every_s:
                self.violations.append(pair["key"])
                return 429, _error(10429, "too many writes of one key"), {"Retry-After": "1"}
        for pair in pairs:
            if pair["key"] not in self.refused_keys:
                self.values[pair["key"]] = base64.b64decode(pair["value"])
                self.metadata[pair["key"]] = pair["metadata"]
                self.writes.append((pair["key"], now))
        refused = sorted(self.refused_keys & {pair["key"] for pair in pairs})
        self.refused_keys.clear()
        return 200, _success({"successful_key_count": len(pairs) - len(refused), "unsuccessful_keys": refused}), {}

    def _metadata(self, key: str) -> tuple[int, Any, dict[str, str]]:
        if key not in self.values:
            return 404, _error(10009, "key not found"), {}
        return 200, _success(self.metadata[key]), {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._do("GET")

            def do_PUT(self) -> None:
                self._do("PUT")

            def _do(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, document, headers = answer(method, self.path, self.headers.get("Authorization", ""), body)
                data = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _success(result: Any) -> Any:
    return {"success": True, "errors": [], "messages": [], "result": result}


def _error(code: int, message: str) -> Any:
    return {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
