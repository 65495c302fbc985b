"""Python functions written for one flag or segment.

The source has the shape only; every literal, key and result is a constant that the function is given when it is made.
So flags of one shape share one code object, nothing from a snapshot is ever part of a source, and a function that does
not use a feature does not pay for it.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pennon.bucketing import sha256, unpack, well_formed
from pennon.engine.comparisons import Comparison, comparisons, none, some
from pennon.engine.probes import Kind, Site, Trace
from pennon.engine.values import Memo, unit, version_rank

NEAR = 48
"""So many constants are defaults of the function, and so its locals, which are read fastest but filled on each call."""
SHAPES = 512
"""So many shapes are kept; a function keeps its own code for as long as it lives."""


def once(memo: dict[Any, Any], function: Callable[..., Any], context: dict[Any, Any], now: float | None) -> Any:
    """Return what *function* answers, asked at most once in an evaluation."""
    if function in memo:
        return memo[function]
    answer = memo[function] = function(context, memo, now)
    return answer


class Shapes:
    """Makers of functions by their source, bounded; and the names that every source may use."""

    def __init__(self) -> None:
        ranks = Memo(version_rank)
        self.comparisons: dict[str, Comparison] = comparisons(ranks)
        self._makers: dict[str, Callable[[tuple[Any, ...]], Callable[..., Any]]] = {}
        self._names: dict[str, Any] = {
            **self.comparisons,
            "none": none,
            "once": once,
            "ranks": ranks,
            "replace": replace,
            "sha256": sha256,
            "some": some,
            "unit": unit,
            "unpack": unpack,
            "well_formed": well_formed,
        }

    def function(self, source: str, constants: list[Any]) -> Callable[..., Any]:
        """Return the function that *source* makes of *constants*."""
        maker = self._makers.get(source)
        if maker is None:
            if len(self._makers) >= SHAPES:
                self._makers.clear()
            scope: dict[str, Any] = {}
            exec(compile(source, "<flag>", "exec"), self._names, scope)
            maker = self._makers[source] = scope["make"]
        return maker(tuple(constants))


class Writer:
    """The lines of one function, and the constants that they name."""

    def __init__(self, parameters: str, probe: Trace | None = None) -> None:
        self._parameters = parameters
        self._lines: list[str] = []
        self._constants: list[Any] = []
        self._strings: dict[str, str] = {}
        self._probe = None if probe is None else self.constant(probe)

    def constant(self, value: object) -> str:
        """Return the name that *value* has in the source: one for all places that have the same string."""
        if type(value) is str and (name := self._strings.get(value)) is not None:
            return name
        place = len(self._constants)
        name = f"k{place}" if place < NEAR else f"k[{place}]"
        self._constants.append(value)
        if type(value) is str:
            self._strings[value] = name
        return name

    def line(self, indent: int, line: str) -> None:
        """Add a line."""
        self._lines.append(" " * (indent + 2) + line)

    def probed(self, expression: str, kind: Kind, path: str, subject: object) -> str:
        """Return *expression*, its outcome noted where the function is to be explained."""
        if self._probe is None:
            return expression
        site = self.constant(Site(kind, path, subject))
        return f"{self._probe}.leave({self._probe}.enter({site}) and ({expression}))"

    def found(self, expression: str) -> str:
        """Return *expression*, which reads the context, its value noted."""
        return expression if self._probe is None else f"{self._probe}.found({expression})"

    def every(self, expressions: list[str]) -> str:
        """Return the expression that is true where all are."""
        if self._probe is None:
            return " and ".join(expressions) or "True"
        return f"{self._probe}.every({', '.join(f'lambda: {expression}' for expression in expressions)})"

    def note_bucket(self, indent: int, path: str, subject: object, names: str) -> None:
        """Add a line that notes the unit and the bucket, which *names* names."""
        if self._probe is not None:
            self.line(indent, f"{self._probe}.bucket({self.constant(Site('bucket', path, subject))}, {names})")

    def made(self, shapes: Shapes) -> Callable[..., Any]:
        """Return the function."""
        near = [f"k{place}=k[{place}]" for place in range(min(len(self._constants), NEAR))]
        head = f"def make(k):\n def made({', '.join([self._parameters, *near])}):\n"
        return shapes.function(head + "\n".join(self._lines) + "\n return made\n", self._constants)
