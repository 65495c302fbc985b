"""JSONLogic compiled to functions, as flagd's Python SDK evaluates it.

Beside the operators of JSONLogic and flagd there are three that Pennon's importer writes: `{"$variant": [logic, key]}`,
whether *logic* gives the variant *key* (null: none), an error where it gives what is no variant; `{"$json": text}`, the
logic that *text* is the JSON of; `{"$ref": name}`, an error, for it names a rule that is not there.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from pennon.engine.dialects.flagd import nodes
from pennon.engine.dialects.flagd.fractions import GENERATIONS, fractional
from pennon.engine.dialects.flagd.nodes import Node, array, constant
from pennon.engine.dialects.flagd.operators import (
    OPERATIONS,
    Operation,
    affixes,
    found,
    missing,
    missing_some,
    walked,
    within,
)
from pennon.engine.dialects.flagd.values import Run, targeting_key
from pennon.engine.dialects.flagd.variants import Variants
from pennon.engine.dialects.flagd.versions import COMPARISONS, rank, sem_ver
from pennon.model.problems import pointer

DEEPEST = 80
"""So many expressions may lie within each other."""
_LISTED = 8
"""An array of more constants is looked up, not gone through."""


class Missing(Exception):
    """The expression reaches a rule that is not there (`$ref`), where the SDK answers an error."""


class Compiler:
    """Compiles the expressions of one flag by one generation. All raise `ValueError`, with the path, for what it
    does not know."""

    def __init__(self, generation: str, flag_key: str, variants: Variants) -> None:
        self._generation = GENERATIONS[generation]
        self._flag_key = flag_key
        self._variants = variants
        self._are_versions_whole = generation == "v1"
        self._operations: Mapping[str, Operation] = {
            **OPERATIONS,
            **affixes(mistyped=False if generation == "v1" else None),
            "sem_ver": lambda _run, *args: sem_ver(*args, whole=generation == "v1"),
        }
        self._scoped = {"missing": missing, "missing_some": missing_some, "fractional": self._fractional}

    def expression(self, logic: Any, path: str = "", *, inside: bool = False, deep: int = 0) -> Node:
        """Compile *logic*. *inside*: it is evaluated for the elements of an array, not for the context."""
        if deep > DEEPEST:
            raise ValueError(f"{path}: expressions within each other more than {DEEPEST} deep")
        if isinstance(logic, list):
            below = partial(self.expression, inside=inside, deep=deep + 1)
            return array([below(item, path + pointer(index)) for index, item in enumerate(logic)])
        if not isinstance(logic, dict) or len(logic) != 1:
            return constant(logic)  # an object of no member, or of several, is itself
        ((name, given),) = logic.items()
        args = given if isinstance(given, list) else [given]
        return _Operation(self, name, args, path + pointer(name), inside=inside, deep=deep + 1).compiled()

    def operation(self, name: str, args: Sequence[Node], *, inside: bool = False) -> Node:
        """Compile an operator whose arguments are evaluated before it is."""
        if name == "var":
            return self._variable(args, inside=inside)
        if name in self._scoped:
            return _scoped(self._scoped[name], args, inside=inside)
        if name == "in" and len(args) > 1 and (items := args[1].items) is not None:
            return _listed(args[0], items)
        if name == "sem_ver" and len(args) == 3 and args[1].is_constant and args[2].is_constant:
            return self._version(args[0], args[1].value, args[2].value)
        return _eager(self._operations[name], args)

    def knows(self, name: str) -> bool:
        """Tell whether there is such an operator whose arguments are evaluated before it is."""
        return name == "var" or name in self._scoped or name in self._operations

    def attribute(self, steps: Sequence[str]) -> Node:
        """Return what the context has at the end of *steps*."""
        first, rest = steps[0], tuple(steps[1:])
        if first == "$flagd":
            return self._of_flagd(rest)
        if first == "targetingKey":
            return Node(lambda scope, _run: walked(targeting_key(scope), rest))
        if not rest:
            return Node(lambda scope, _run: scope.get(first))
        return Node(lambda scope, _run: walked(scope.get(first), rest))

    def _of_flagd(self, steps: tuple[str, ...]) -> Node:
        if steps == ("flagKey",):
            return constant(self._flag_key)
        if steps == ("timestamp",):
            return Node(lambda _scope, run: run.timestamp())
        return Node(lambda _scope, run: walked(run.whole()["$flagd"], steps))

    def _variable(self, args: Sequence[Node], *, inside: bool) -> Node:
        if len(args) > 2:
            return _eager(_too_many, args)
        key = args[0].value if args else None
        is_known = not args or args[0].is_constant
        if not is_known or not isinstance(key, str) or key == "":
            return _scoped(found, args, inside=inside)
        steps = tuple(key.split("."))
        read = Node(lambda scope, _run: walked(scope, steps), len(steps)) if inside else self.attribute(steps)
        if len(args) == 1:
            return read
        call, default = read.call, args[1].call

        def read_or_default(scope: Any, run: Run) -> Any:
            otherwise = default(scope, run)  # first, as the SDK does: it may raise
            value = call(scope, run)
            return otherwise if value is None else value

        return Node(read_or_default, read.size + args[1].size)

    def _fractional(self, scope: Any, run: Run, *args: Any) -> Any:
        return fractional(self._generation, scope, run, *args)

    def _version(self, value: Node, name: Any, target: Any) -> Node:
        whole = self._are_versions_whole
        right = rank(target, whole=whole)
        compare = COMPARISONS.get(name) if isinstance(name, str) else None
        call = value.call

        def compared(scope: Any, run: Run) -> bool | None:
            left = rank(call(scope, run), whole=whole)
            return None if left is None or right is None or compare is None else compare(left, right)

        return Node(compared, 1 + value.size)

    def variant(self, logic: Node, name: Any) -> Node:
        """Return whether *logic* gives the variant *name*."""
        call, named = logic.call, self._variants.named
        return Node(lambda scope, run: named(run, call(scope, run)) == name, 1 + logic.size)


class _Operation:
    """One operator with its arguments as they are written."""

    def __init__(self, compiler: Compiler, name: str, args: list[Any], path: str, *, inside: bool, deep: int) -> None:
        self._compiler = compiler
        self._name = name
        self._args = args
        self._path = path
        self._inside = inside
        self._deep = deep

    def compiled(self) -> Node:
        """Return the operator, compiled."""
        special = _SPECIAL.get(self._name)
        if special is not None:
            return special(self)
        if not self._compiler.knows(self._name):
            raise ValueError(f"{self._path}: flagd has no operator {self._name!r}")
        return self._compiler.operation(self._name, self.parts(), inside=self._inside)

    def part(self, index: int, *, inside: bool | None = None) -> Node:
        """Return an argument, null if it is not there."""
        if index >= len(self._args):
            return constant(None)
        within_array = self._inside if inside is None else inside
        path = self._path + pointer(index)
        return self._compiler.expression(self._args[index], path, inside=within_array, deep=self._deep)

    def parts(self) -> list[Node]:
        """Return all arguments."""
        return [self.part(index) for index in range(len(self._args))]

    def over_array(self, make: Callable[..., Node], *, least: int, otherwise: Any) -> Node:
        """Return an operator over an array; with fewer than *least* arguments it gives *otherwise*, unevaluated."""
        items, inner = self.part(0), self.part(1, inside=True)
        if len(self._args) >= least:
            return make(items, inner)
        return array([]) if otherwise == [] else constant(otherwise)

    def variant(self) -> Node:
        """Return `$variant`."""
        if len(self._args) != 2:
            raise ValueError(f"{self._path}: $variant takes an expression and the key of a variation")
        return self._compiler.variant(self.part(0), self._args[1])

    def text(self) -> Node:
        """Return `$json`: the expression that its text is."""
        try:
            logic = json.loads(self._args[0])
        except (TypeError, ValueError, IndexError, RecursionError):
            raise ValueError(f"{self._path}: $json takes the text of an expression") from None
        return self._compiler.expression(logic, self._path, inside=self._inside, deep=self._deep)

    def reference(self) -> Node:
        """Return `$ref`, which is an error: those that lead somewhere are replaced when a file is read."""
        message = f"there is no evaluator {str(self._args[:1])[1:-1][:80]}"

        def call(_scope: Any, _run: Run) -> NoReturn:
            raise Missing(message)

        return Node(call)

    def reduced(self) -> Node:
        """Return `reduce`."""
        start = self._args[2] if len(self._args) > 2 else None  # as it is written, not evaluated
        make = partial(nodes.reduced, start=start)
        return self.over_array(make, least=1, otherwise=None)


_SPECIAL: Mapping[str, Callable[[_Operation], Node]] = {
    "if": lambda each: nodes.choice(each.parts()),
    "?:": lambda each: nodes.choice(each.parts()),
    "and": lambda each: nodes.every(each.parts()),
    "or": lambda each: nodes.either(each.parts()),
    "map": lambda each: each.over_array(nodes.mapped, least=1, otherwise=[]),
    "filter": lambda each: each.over_array(nodes.filtered, least=2, otherwise=[]),
    "reduce": _Operation.reduced,
    "all": lambda each: each.over_array(nodes.all_of, least=2, otherwise=False),
    "some": lambda each: each.over_array(nodes.any_of, least=2, otherwise=False),
    "none": lambda each: each.over_array(partial(nodes.any_of, negate=True), least=2, otherwise=True),
    "$variant": _Operation.variant,
    "$json": _Operation.text,
    "$ref": _Operation.reference,
}

KNOWN = frozenset({*_SPECIAL, *OPERATIONS, "var", "missing", "missing_some", "fractional"}) | frozenset(
    {"starts_with", "ends_with", "sem_ver"}
)
"""Every operator."""


def _eager(operation: Operation, args: Iterable[Node]) -> Node:
    parts = list(args)
    size = 1 + sum(part.size for part in parts)
    if len(parts) == 2:
        one, other = parts[0].call, parts[1].call
        return Node(lambda scope, run: operation(run, one(scope, run), other(scope, run)), size)
    calls = [part.call for part in parts]
    return Node(lambda scope, run: operation(run, *[call(scope, run) for call in calls]), size)


def _scoped(operation: Callable[..., Any], args: Iterable[Node], *, inside: bool) -> Node:
    """Compile an operator that reads the scope itself: for the context, with all that flagd adds."""
    parts = list(args)
    calls = [part.call for part in parts]

    def call(scope: Any, run: Run) -> Any:
        given = [each(scope, run) for each in calls]
        return operation(scope if inside else run.whole(), run, *given)

    return Node(call, 1 + sum(part.size for part in parts))


def _listed(needle: Node, items: tuple[Any, ...]) -> Node:
    haystack = [*items]
    call = needle.call
    if len(items) <= _LISTED or any(isinstance(item, (list, dict)) for item in items):
        return Node(lambda scope, run: within(run, call(scope, run), haystack), 1 + needle.size)
    known = frozenset(items)

    def contained(scope: Any, run: Run) -> bool:
        value = call(scope, run)
        try:
            return value in known
        except TypeError:  # an array or object, which equals none of these
            return False

    return Node(contained, 1 + needle.size)


def _too_many(_run: Run, *_: Any) -> NoReturn:
    raise TypeError("var takes a path and a default, no more")
