"""What is done about every request to a node, below `MOUNTS`, whoever answers it: an id, a count, a line."""

import contextlib
import logging
import random
import re
from typing import Protocol

import structlog

from pennon.stream.http import Headers

SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOUNTS = ("/sdk/v1", "/ofrep/v1", "/client/v1", "/js/v1")
_BELOW = tuple(f"{mount}/" for mount in MOUNTS)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_SNIFF = ("x-content-type-options", "nosniff")
NO_SNIFF = (b"x-content-type-options", b"nosniff")

_log = structlog.get_logger("pennon.http")
_levels = logging.getLogger("pennon.http")


def is_below(path: str) -> bool:
    """Whether *path* is one that a node answers, and nobody else."""
    return path.startswith(_BELOW) or path in MOUNTS


def identity(given: bytes) -> str:
    """Return the id of a request: the client's where it is sane, else a new one."""
    # Not secret, so not from the system's source, which is a call to the kernel each time.
    if given and SANE_ID.fullmatch(text := given.decode("latin-1")):
        return text
    return f"{random.getrandbits(64):016x}"


class Observe(Protocol):
    """Counts answered requests."""

    def __call__(self, method: str, route: str, *, status: int, duration_s: float, count: int = 1) -> None:
        """Note so many, and how long it took to the start of their answers."""


class Front:
    """Marks answers and notes them. *observe* counts them."""

    def __init__(self, observe: Observe | None = None) -> None:
        self._observe = observe

    def marks(self, given_id: bytes) -> Headers:
        """Return headers for the answer to a request that was given this id, empty for none."""
        return (("x-request-id", identity(given_id)), _NO_SNIFF)

    def answered(
        self, method: str, path: str, *, status: int, duration_s: float, request_id: str = "", count: int = 1
    ) -> None:
        """Note that a request was answered, or so many alike at once.

        *path* is as it was sent, percent-encoded, so that it forges no line.
        """
        known = method if method in _METHODS else "other"
        if self._observe is not None:
            mount = _BELOW[0]
            for below in _BELOW:
                if path.startswith(below):
                    mount = below
            self._observe(known, mount, status=status, duration_s=duration_s, count=count)
        # Asked first: SDKs call so often, and a line that is thrown away costs as much as the answer.
        if status >= 500 or _levels.isEnabledFor(logging.DEBUG):
            log = _log.info if status >= 500 else _log.debug
            fields: dict[str, object] = {"request_id": request_id} if request_id else {}
            if count > 1:
                fields["requests"] = count
            # The log may lie on a disk that is full: that is no reason to fail a request.
            with contextlib.suppress(OSError):
                log(
                    "request", method=known, path=path, status=status, duration_ms=round(duration_s * 1000, 1), **fields
                )
