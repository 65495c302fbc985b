"""What an SDK must be able to do to be measured, and how it says that it cannot."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bench.evaluation.worlds import User, World

Mode = Literal["value", "detail", "counted", "openfeature"]
MODES: tuple[Mode, ...] = ("value", "detail", "counted", "openfeature")


class Unable(Exception):
    """An SDK cannot do a workload, or has no such mode. Its argument says why."""


def _itself(answer: Any) -> Any:
    return answer


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Way:
    """How an application asks: a Python expression over `flag`, `user` and *names*, written into the measured loop.

    *user* makes beforehand what the SDK wants of a user; *value* reads true or false from an answer; *checked*: it
    should be the right one.
    """

    expression: str
    names: Mapping[str, Any]
    user: Callable[[User], Any] = _itself
    value: Callable[[Any], object] = _itself
    close: Callable[[], object] = _nothing
    checked: bool = True


def written(document: Any) -> bytes:
    """Return JSON as services send it, without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


class Sdk(Protocol):
    """One SDK, offline."""

    def document(self, world: World) -> bytes:
        """Return the configuration as the SDK's own service sends it. Raises `Unable`."""

    def open(self, document: bytes, mode: Mode) -> Way:
        """Read the configuration, and return how to ask. Raises `Unable`."""
