"""One at a time, in the order in which they came."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from pennon.control.errors import Busy


class Turns:
    """A fair lock.

    A plain lock, or a pool of one connection, gives the next turn to whoever just had one: among eight writers one
    waited for two seconds.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._state = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and have it. Raises `Busy` where it does not come in time."""
        self._take()
        try:
            yield
        finally:
            self._hand_over()

    def _take(self) -> None:
        with self._state:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(self._wait_s):
            return
        with self._state:
            if mine.is_set():  # it came while this gave up
                return
            self._waiting.remove(mine)
        raise Busy("the database is busy", mend="try again")

    def _hand_over(self) -> None:
        with self._state:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
