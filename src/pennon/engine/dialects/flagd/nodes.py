"""Parts of an expression, compiled: what all of `logic` is put together from."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from pennon.engine.dialects.flagd.values import Run, truth

Logic: TypeAlias = Callable[[Any, Run], Any]
"""Takes the scope and the evaluation; returns what the expression gives."""


class Node(NamedTuple):
    """An expression: how to evaluate it, and the steps that one evaluation of it takes.

    `value` is set where it `is_constant`; `items` where it is an array of constants, a new one each time.
    """

    call: Logic
    size: int = 1
    is_constant: bool = False
    value: Any = None
    items: tuple[Any, ...] | None = None


_READ_A_STEP = 64
"""So many characters, or bits, of a literal may be read in a step: for each element of an array it is read anew."""


def constant(value: Any) -> Node:
    """Return the expression that always gives *value*, the very same one."""
    length = len(value) if isinstance(value, str) else value.bit_length() if isinstance(value, int) else 0
    return Node(lambda _scope, _run: value, 1 + length // _READ_A_STEP, is_constant=True, value=value)


def array(parts: Sequence[Node]) -> Node:
    """Return the expression that gives an array of what *parts* give."""
    size = 1 + sum(part.size for part in parts)
    if all(part.is_constant for part in parts):
        items = tuple(part.value for part in parts)
        return Node(lambda _scope, _run: [*items], size, items=items)
    calls = [part.call for part in parts]
    return Node(lambda scope, run: [call(scope, run) for call in calls], size)


def choice(parts: Sequence[Node]) -> Node:
    """Return `if`: conditions and results in turn, then what is given where none holds (null)."""
    pairs = [(parts[at].call, parts[at + 1].call) for at in range(0, len(parts) - 1, 2)]
    last = parts[-1].call if len(parts) % 2 else constant(None).call

    def call(scope: Any, run: Run) -> Any:
        for condition, result in pairs:
            if truth(condition(scope, run)):
                return result(scope, run)
        return last(scope, run)

    return Node(call, 1 + sum(part.size for part in parts))


def every(parts: Sequence[Node]) -> Node:
    """Return `and`: the first part that counts as false, or the last."""
    return _first(parts, ends_with=False)


def either(parts: Sequence[Node]) -> Node:
    """Return `or`: the first part that counts as true, or the last."""
    return _first(parts, ends_with=True)


def _first(parts: Sequence[Node], *, ends_with: bool) -> Node:
    calls = [part.call for part in parts]

    def call(scope: Any, run: Run) -> Any:
        found = None
        for part in calls:
            found = part(scope, run)
            if truth(found) is ends_with:
                return found
        return found

    return Node(call, 1 + sum(part.size for part in parts))


# Over the elements of an array, each of which is the scope of the inner expression


def _elements(items: Logic, inner: Node) -> Callable[[Any, Run], list[Any] | None]:
    def elements(scope: Any, run: Run) -> list[Any] | None:
        found = items(scope, run)
        if not isinstance(found, list):
            return None
        run.charge(len(found) * inner.size)
        return found

    return elements


def mapped(items: Node, inner: Node) -> Node:
    """Return `map`: what *inner* gives for each element; nothing of what is no array."""
    elements, each = _elements(items.call, inner), inner.call

    def call(scope: Any, run: Run) -> list[Any]:
        return [each(element, run) for element in elements(scope, run) or ()]

    return Node(call, 1 + items.size)


def filtered(items: Node, inner: Node) -> Node:
    """Return `filter`: the elements for which *inner* counts as true."""
    elements, each = _elements(items.call, inner), inner.call

    def call(scope: Any, run: Run) -> list[Any]:
        return [element for element in elements(scope, run) or () if truth(each(element, run))]

    return Node(call, 1 + items.size)


def reduced(items: Node, inner: Node, start: Any) -> Node:
    """Return `reduce`: what *inner* gives for the last element, each seeing what it gave before. *start* is as is."""
    elements, each = _elements(items.call, inner), inner.call

    def call(scope: Any, run: Run) -> Any:
        found = elements(scope, run)
        if found is None:
            return start
        inside: dict[str, Any] = {"accumulator": start}
        for element in found:
            inside["current"] = element
            inside["accumulator"] = each(inside, run)
        return inside["accumulator"]

    return Node(call, 1 + items.size)


def any_of(items: Node, inner: Node, *, negate: bool = False) -> Node:
    """Return `some`, or `none` with *negate*: whether *inner* counts as true for any element."""
    elements, each = _elements(items.call, inner), inner.call

    def call(scope: Any, run: Run) -> bool:
        return any(truth(each(element, run)) for element in elements(scope, run) or ()) is not negate

    return Node(call, 1 + items.size)


def all_of(items: Node, inner: Node) -> Node:
    """Return `all`: whether *inner* counts as true for all elements, of which there must be one."""
    elements, each = _elements(items.call, inner), inner.call

    def call(scope: Any, run: Run) -> bool:
        found = elements(scope, run)
        return bool(found) and all(truth(each(element, run)) for element in found or ())

    return Node(call, 1 + items.size)
