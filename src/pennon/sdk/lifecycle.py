"""What happens to a client around a fork and at the end of the process, whoever forgets about it. For both clients."""

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Protocol
from weakref import WeakMethod, ref

from pennon.sdk._core import Core
from pennon.sdk.config import Config

_FORK_S = 1.0
_EXIT_S = 3.0


class Stoppable(Protocol):
    """The loops of a client, in threads."""

    def stop(self, timeout_s: float, *, cut: bool) -> bool:
        """End them. Return whether all are over in time."""

    def release(self) -> None:
        """Close their connections."""


class Closable(Protocol):
    """A client."""

    def close(self, timeout: float) -> None:
        """End it."""


def on_fork(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Call these bound methods around each fork of the process. Their object is held weakly: it may go."""
    if not hasattr(os, "register_at_fork"):  # Windows has no fork
        return
    child = _once_a_process(_weak(in_child))
    os.register_at_fork(before=_weak(before), after_in_parent=_weak(in_parent), after_in_child=child)
    _on_uwsgi_fork(child)


def _on_uwsgi_fork(in_child: Callable[[], None]) -> None:
    """Have *in_child* called in each worker of uWSGI, which tells Python of its forks on demand only.

    Its hook it always calls. `uwsgidecorators` replaces what is there when it is first imported, so it is asked to
    keep a list of hooks; it refuses without a master process.
    """
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None:
        return
    try:
        from uwsgidecorators import postfork  # type: ignore[import-untyped]  # noqa: PLC0415  # exists there only

        postfork(in_child)
    except Exception:  # noqa: BLE001  # boundary: another program's module, which raises nothing narrower
        earlier = getattr(uwsgi, "post_fork_hook", None)

        def hook() -> None:
            if earlier is not None:
                earlier()
            in_child()

        uwsgi.post_fork_hook = hook  # type: ignore[attr-defined]


def _once_a_process(call: Callable[[], None]) -> Callable[[], None]:
    """Return *call* for whoever may tell of the same fork twice."""
    done_in = os.getpid()

    def once() -> None:
        nonlocal done_in
        if done_in != os.getpid():
            done_in = os.getpid()
            call()

    return once


def at_multiprocessing_exit(client: object, report: Callable[[], None]) -> bool:
    """Have *report* called when a child of `multiprocessing` ends, which runs no `atexit`, while *client* lives.

    Return whether that module is in use, and so whether it is arranged.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return False
    util.register_after_fork(client, lambda _: util.Finalize(None, report, exitpriority=100))
    return True


def _weak(method: Callable[[], None]) -> Callable[[], None]:
    reference = WeakMethod(method)

    def call() -> None:
        if (found := reference()) is not None:
            found()

    return call


def async_before_fork(_running: object) -> None:
    """Do nothing: tasks do not run while their thread forks."""


def before_fork(running: Stoppable) -> None:
    """End the threads: one alive may hold any lock, which the child would wait for in vain. Python 3.12 warns of it."""
    if running.stop(_FORK_S, cut=True):
        running.release()


def async_at_exit(core: Core, config: Config) -> Callable[[], None]:
    """Report what is left when the process ends; its event loop is gone by then. Return what `atexit` calls."""
    reference = ref(core)

    def flush() -> None:
        if (found := reference()) is not None and config.urls and config.events:
            from pennon.sdk._sync.sender import Sender  # noqa: PLC0415  # a program in good order never needs it
            from pennon.sdk._sync.transport import Transport  # noqa: PLC0415

            with closing(Transport(config)) as transport:
                Sender(found, config, transport).flush(_EXIT_S)

    return atexit.register(flush)


def at_exit(client: Closable, _config: Config) -> Callable[[], None]:
    """Close *client* when the process ends. Return what `atexit` calls."""
    reference = ref(client)

    def close() -> None:
        if (found := reference()) is not None:
            found.close(_EXIT_S)

    return atexit.register(close)
