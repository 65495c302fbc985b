"""A Pennon server of the example's own, with the flag that its shop sells by."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec

FLAG = "new-gateway"
_ENVIRONMENT = "/api/v1/projects/default/environments/production"
_PATIENCE_S = 30


class Pennon(msgspec.Struct, frozen=True):
    """A running server: its address, and the token of who may change flags."""

    url: str
    token: str

    def key(self, kind: str, **rest: Any) -> str:
        """Make a key and return its secret."""
        return str(
            self.send("POST", f"{_ENVIRONMENT}/keys", {"kind": kind, "name": "checkout example", **rest})["secret"]
        )

    def make_flag(self) -> None:
        """Create the flag, turned on for everybody."""
        variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
        definition = {"key": FLAG, "kind": "boolean", "variations": variations, "clientSide": True}
        configuration = {"on": True, "fallthrough": {"variation": "on"}, "offVariation": "off"}
        self.change({"do": "putFlag", "definition": definition, "configuration": configuration})

    def turn(self, *, on: bool) -> None:
        """Turn the flag: off is the kill switch."""
        self.change({"do": "turnOn" if on else "turnOff", "flag": FLAG})

    def change(self, edit: dict[str, Any]) -> None:
        """Make one change."""
        self.send("POST", f"{_ENVIRONMENT}/changes", {"edits": [edit], "why": "the checkout example"})

    def send(self, method: str, path: str, body: object) -> Any:
        """Return what the admin API answers. Raises where that is no success."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx2.request(method, self.url + path, json=body, headers=headers, timeout=_PATIENCE_S)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def own_server() -> Iterator[Pennon]:
    """Run a server with its data in a temporary folder, as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="pennon-checkout-") as folder:
        command = [sys.executable, "-m", "pennon.cli", "serve", "--port", "0", "--data", folder, "--json"]
        command += ["--log-level", "error"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                ready = json.loads(process.stdout.readline())
                yield Pennon(ready["url"], ready["administratorToken"])
            finally:
                process.terminate()
                process.wait(_PATIENCE_S)
