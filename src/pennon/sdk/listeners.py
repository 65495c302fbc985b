"""Tells whom the application wants to have told: one after another, in the order of what happened."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from pennon.engine import RuleSet
from pennon.protocol.state import Reference
from pennon.sdk.status import Change, Status

_LOG = logging.getLogger("pennon")


class Listeners:
    """Who is to be told of changes and of the level, and what they are to be told next."""

    def __init__(
        self, on_change: Callable[[Change], None] | None = None, on_status: Callable[[Status], None] | None = None
    ) -> None:
        self._of_changes = [on_change] if on_change else []
        self._of_status = [on_status] if on_status else []
        self._lock = threading.Lock()
        self._news: deque[Callable[[], None]] = deque()
        self._is_telling = False

    def on_change(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call *listener* after each change of the flags. Return a function that ends it."""
        self._of_changes.append(listener)
        return partial(_remove, self._of_changes, listener)

    def on_status(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call *listener* after each change of the level. Return a function that ends it."""
        self._of_status.append(listener)
        return partial(_remove, self._of_status, listener)

    def changed(self, rules: RuleSet, touched: frozenset[Reference] | None) -> None:
        """Have it told that *rules* answer now, which *touched* made other ones; None: all of them may be."""
        if self._of_changes and touched != frozenset():
            self._news.append(partial(self._tell_change, rules, touched))

    def stands(self, status: Status) -> None:
        """Have it told how the client stands now."""
        self._news += [partial(_call, listener, status) for listener in self._of_status]

    def tell(self) -> None:
        """Tell what there is to tell, unless another thread does. Who is told may do anything: hold no lock."""
        while (tell := self._next()) is not None:
            try:
                tell()
            finally:
                self._is_telling = False

    def after_fork_in_child(self) -> None:
        """Be usable whatever threads held."""
        self._lock = threading.Lock()
        self._is_telling = False

    def _next(self) -> Callable[[], None] | None:
        """Return what to tell next, None while another thread tells: it goes on, so that all come in their order."""
        with self._lock:
            if self._is_telling or not self._news:
                return None
            self._is_telling = True
            return self._news.popleft()

    def _tell_change(self, rules: RuleSet, touched: frozenset[Reference] | None) -> None:
        flags = frozenset(rules.flag_keys()) if touched is None else rules.affected_by(touched)
        change = Change(epoch=rules.epoch, revision=rules.revision, flags=flags)
        for listener in list(self._of_changes):
            _call(listener, change)


def _remove(listeners: list[Any], listener: object) -> None:
    if listener in listeners:
        listeners.remove(listener)


def _call(listener: Callable[[Any], None], news: Any) -> None:
    try:
        listener(news)
    except Exception:  # noqa: BLE001  # boundary: a user's hook
        _LOG.exception("a listener raised; the client is not concerned")
