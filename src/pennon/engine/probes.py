"""What an evaluation did, step by step: probes that the compiler writes into a function to be explained.

The hot path has none of them; see `Writer.probed`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["prerequisite", "target", "rule", "condition", "segment", "list", "bucket", "layer"]


class Site(NamedTuple):
    """A place in a flag or segment: what is there, the JSON pointer to it, and the part of the model itself."""

    kind: Kind
    path: str
    subject: Any


class Node:
    """What happened at a site: its outcome, what was found in the context, and what happened within."""

    __slots__ = ("bucket", "children", "found", "is_finished", "outcome", "site", "unit")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.is_finished = False
        self.outcome: Any = None
        self.found: Any = None
        self.unit: str | None = None
        self.bucket: int | None = None
        self.children: list[Node] = []


class Trace:
    """The probe: remembers what it is told, in order."""

    def __init__(self) -> None:
        self.root = Node(Site("rule", "", None))
        self._open = [self.root]

    def enter(self, site: Site) -> Literal[True]:
        """Note that a site is being asked."""
        node = Node(site)
        self._open[-1].children.append(node)
        self._open.append(node)
        return True

    def leave(self, outcome: Any) -> Any:
        """Note what the site that was entered last answered."""
        node = self._open.pop()
        node.is_finished = True
        node.outcome = outcome
        return outcome

    def found(self, value: Any) -> Any:
        """Note what the context has for the attribute that is asked about."""
        self._open[-1].found = value
        return value

    def bucket(self, site: Site, unit: str | None, bucket: int | None) -> None:
        """Note where a unit landed, or that there is none."""
        node = Node(site)
        node.unit, node.bucket = unit, bucket
        self._open[-1].children.append(node)

    def every(self, *tests: Callable[[], bool]) -> bool:
        """Tell whether all *tests* hold; the ones behind a failure are asked too, for the explanation only."""
        answer = True
        for test in tests:
            if answer:
                answer = test()
                continue
            depth = len(self._open)
            with suppress(Exception):  # an evaluation never comes here, so what a context raises here must not count
                test()
            del self._open[depth:]
        return answer
