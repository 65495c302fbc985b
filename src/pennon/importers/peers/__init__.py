"""Runs other vendors' own SDKs, each in a process of its own, to compare with: the one part of importers with I/O.

Planning never needs it. A vendor's script lies here as `<vendor>.py` or `<vendor>.mjs` and imports nothing of Pennon;
what passes between it and us is a JSON value a line.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from pennon.importers.peers.errors import PeerError, PeerFailed, PeerNotInstalled, PeerUnknown
from pennon.importers.peers.installs import cache_folder, command, install
from pennon.importers.peers.pins import PINS, Pin
from pennon.model import Json

__all__ = [
    "PINS",
    "Outcome",
    "Peer",
    "PeerError",
    "PeerFailed",
    "PeerNotInstalled",
    "PeerUnknown",
    "Pin",
    "cache_folder",
    "pin_of",
    "start",
]

START_S = 60.0
"""How long an SDK may take to start and read its configuration."""
ANSWER_S = 120.0
"""How long it may take to answer one request."""
_SAID = 2000
_REAP_S = 5.0


class Outcome(NamedTuple):
    """What the vendor's SDK answered to one context.

    `variation` is the SDK's own name of it (an index, a variant's name), or None where it tells none. `default`: the
    caller's default was served, and `value` is None. `error` is the SDK's own word for what went wrong. `chance`: the
    SDK drew lots, or its machine's own ways decided, so that another one would answer otherwise.
    """

    value: Any
    variation: Json = None
    default: bool = False
    error: str | None = None
    chance: bool = False


def pin_of(vendor: str, dialect: str) -> Pin:
    """Return the SDK that stands for a dialect. Raises `PeerUnknown`."""
    try:
        return PINS[vendor, dialect]
    except KeyError:
        known = ", ".join(sorted(other for of, other in PINS if of == vendor)) or "no dialect of it"
        message = f"no SDK from PyPI or npm stands for {vendor}'s dialect {dialect!r}"
        raise PeerUnknown(message, f"those that can be asked: {known}") from None


def start(
    vendor: str,
    dialect: str,
    document: str,
    options: Mapping[str, Json] | None = None,
    *,
    cache: Path | None = None,
) -> "Peer":
    """Start the vendor's SDK on a configuration, installing it first if need be.

    *document* is the text of the vendor's file, *cache* the folder that SDKs are kept in. Raises a `PeerError`.
    """
    pin = pin_of(vendor, dialect)
    script = Path(__file__).with_name(f"{vendor}.py" if pin.runtime == "python" else f"{vendor}.mjs")
    if not script.is_file():
        raise PeerUnknown(f"no script asks {vendor}'s SDK for the dialect {dialect!r}")
    folder = install(pin, cache_folder(os.environ) if cache is None else cache)
    peer = Peer(command(pin, folder, script), vendor)
    try:
        peer.greet({"dialect": dialect, "document": document, "options": dict(options or {})})
    except BaseException:  # nothing is swallowed: what was started is ended
        peer.close()
        raise
    return peer


class Peer:
    """A vendor's SDK in a process of its own. One thread at a time may ask it. A context manager, or `close` it."""

    def __init__(self, command_line: Sequence[str], vendor: str) -> None:
        self.vendor = vendor
        self.sdk = ""
        self.version = ""
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        try:
            self._process = subprocess.Popen(
                command_line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                cwd=Path(command_line[-1]).parent,
            )
        except OSError as error:
            self._complaints.close()
            raise PeerNotInstalled(f"{vendor}'s SDK cannot be started: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def greet(self, greeting: Mapping[str, Json]) -> None:
        """Hand over the configuration, and learn the SDK's name and version. Raises `PeerFailed`."""
        answer = self._ask(greeting, START_S)
        try:
            self.sdk, self.version = str(answer["sdk"]), str(answer["version"])
        except KeyError:
            raise self._failed(f"answered {str(answer)[:200]!r}, not its name and version") from None

    def evaluate(
        self, flag: str, contexts: Sequence[Mapping[str, Any]], now: float | None = None, *, timeout_s: float = ANSWER_S
    ) -> list[Outcome]:
        """Return what the SDK answers for the vendor's *flag* to each of the (Pennon) *contexts*, in their order.

        *now* is the time to evaluate at, in epoch seconds, where the SDK can be told one. Raises `PeerFailed`.
        """
        answer = self._ask({"flag": flag, "contexts": list(contexts), "now": now}, timeout_s)
        try:
            outcomes = [
                Outcome(
                    one["value"],
                    one.get("variation"),
                    bool(one.get("default")),
                    one.get("error"),
                    bool(one.get("chance")),
                )
                for one in answer["outcomes"]
            ]
        except (KeyError, TypeError, AttributeError):
            raise self._failed(f"answered {str(answer)[:200]!r}, not outcomes") from None
        if len(outcomes) != len(contexts):
            raise self._failed(f"answered {len(outcomes)} of {len(contexts)} contexts")
        return outcomes

    def close(self) -> None:
        """End the process. Asking afterwards raises `PeerFailed`."""
        process = self._process
        with contextlib.suppress(OSError):  # the end of its input is its signal to end; it may have ended already
            _file(process.stdin).close()
        try:
            process.wait(_REAP_S if self.sdk else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _file(process.stdout).close()
        self._complaints.close()

    def _ask(self, request: Mapping[str, Json], timeout_s: float) -> dict[str, Any]:
        # ASCII, so that lone surrogates travel as JSON's escapes.
        line = json.dumps(request).encode() + b"\n"
        # Whatever hangs, writing or reading, ends when the process is killed.
        is_late = threading.Event()
        watch = threading.Timer(timeout_s, self._give_up, (is_late,))
        watch.daemon = True
        watch.start()
        try:
            with contextlib.suppress(OSError):  # it has ended, perhaps after a word about why
                _file(self._process.stdin).write(line)
                _file(self._process.stdin).flush()
            said = _file(self._process.stdout).readline()
        except ValueError:  # it was closed
            said = b""
        finally:
            watch.cancel()
        if not said.endswith(b"\n"):
            raise self._failed(f"did not answer within {timeout_s:g} s" if is_late.is_set() else self._end())
        try:
            answer = json.loads(said)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._failed(f"answered {said[:200]!r}, which is no JSON object")
        if "failed" in answer:
            raise self._failed(f"failed: {answer['failed']}")
        return answer

    def _give_up(self, is_late: threading.Event) -> None:
        is_late.set()
        self._process.kill()

    def _end(self) -> str:
        try:
            status = self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"ended with status {status}"

    def _failed(self, message: str) -> PeerFailed:
        name = f"{self.sdk} {self.version}".strip() or f"{self.vendor}'s SDK"
        return PeerFailed(f"{name} {message}{self._complaint()}")

    def _complaint(self) -> str:
        """Return the end of what it wrote on standard error."""
        if self._complaints.closed:
            return ""
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - _SAID))
        said = self._complaints.read().decode(errors="replace").strip()
        return f"; it said: {said}" if said else ""


def _file(opened: IO[bytes] | None) -> IO[bytes]:
    if opened is None:  # both are pipes
        raise ValueError("the process has no such pipe")
    return opened
