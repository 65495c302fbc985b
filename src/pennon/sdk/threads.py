"""What the loops wait on and run in, for threads. `pennon.sdk.tasks` has the same for tasks of an event loop."""

import contextlib
import logging
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from pennon.sdk.failures import LineCut

_LOG = logging.getLogger("pennon")
_RESTART_S = 1.0

Result = TypeVar("Result")

Loop: TypeAlias = Callable[[], None]
Lock = threading.Lock


class Signal:
    """Something to wait for, which any thread may give."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.is_set = self._event.is_set
        self.set = self._event.set
        self.clear = self._event.clear

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is given, at most *timeout_s* seconds. Return whether it is."""
        return self._event.wait(timeout_s if timeout_s is None else max(timeout_s, 0.0))


class Bell:
    """Something to wait for that any thread may give, or another process by way of the file *handle*, if there is one.

    Who wakes clears it.
    """

    def __init__(self, handle: int | None) -> None:
        self._near, self._far = socket.socketpair()
        self._near.settimeout(0)
        self._far.settimeout(0)
        self._selector = selectors.DefaultSelector()
        for each in (self._near, handle):
            if each is not None:
                self._selector.register(each, selectors.EVENT_READ)

    def ring(self) -> None:
        """Wake who waits."""
        with contextlib.suppress(OSError):  # it has rung already, or nobody waits any more
            self._far.send(b"!")

    def wait(self, timeout_s: float) -> None:
        """Wait until it is given, at most *timeout_s* seconds. What can be read from the handle is left to be read."""
        self._selector.select(max(timeout_s, 0.0))
        with contextlib.suppress(OSError):
            self._near.recv(1024)

    def close(self) -> None:
        """Let nobody wait any more. The handle is its owner's to close."""
        self._selector.close()
        self._near.close()
        self._far.close()

    forget = close


class Loops:
    """Background loops in threads. One that raises is reported and started again. Nobody can cancel a thread."""

    def __init__(self, release: Loop) -> None:
        self._threads: list[threading.Thread] = []

    def start(self, loops: Mapping[str, Loop]) -> None:
        """Start *loops*, by their names."""
        self._threads = [
            threading.Thread(target=self._keep, args=(loop,), name=name, daemon=True) for name, loop in loops.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Wait at most *timeout_s* seconds for the loops to end. Return whether all are over."""
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread is not threading.current_thread():  # a user's callback closes the client, or forks
                thread.join(max(until - time.monotonic(), 0.0))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not self._threads

    def _keep(self, loop: Loop) -> None:
        while True:
            try:
                return loop()
            except Exception:  # noqa: BLE001  # boundary: a background loop outlives what it does
                _LOG.exception("a background thread failed and starts again")
            time.sleep(_RESTART_S)


class Lifeline:
    """Encloses waiting on the network, so that others may end it: what then waits raises `LineCut`.

    A thread that waits in a read cannot be told; its socket can be shut down under it. httpcore shows each new socket
    to whoever asks for a trace.
    """

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._depth = 0
        self._is_cut = False
        self._closed = False

    def extensions(self) -> dict[str, Any]:
        """Return what requests must carry for this to work."""
        return {"trace": self._trace}

    def cut(self) -> None:
        """End what is waited for now."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        """End what is waited for now, and let nothing begin any more."""
        self._closed = True
        self.cut()

    def __enter__(self) -> "Lifeline":
        with self._lock:
            if self._closed:
                raise LineCut
            self._is_cut = self._is_cut and self._depth > 0
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._is_cut and isinstance(error, Exception):
            raise LineCut from error

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")):
            with self._lock:
                self._sockets.add(info["return_value"].get_extra_info("socket"))
                if self._is_cut:
                    self._shut()

    def _shut(self) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which forgets the encryption and lets the reader take ciphertext for text.
                socket.socket.shutdown(each, socket.SHUT_RDWR)


def call(function: Callable[[], Result]) -> Result:
    """Call *function*."""
    return function()


def can_start() -> bool:
    """Return whether loops can be started here."""
    return True
