"""What names do in a function: where they are bound and read. When in doubt, a name is more than it seems."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import libcst as cst

from pennon.codemod.removal.kept import Constant
from pennon.codemod.removal.marks import Marks

_SEEING = frozenset({"locals", "vars", "eval", "exec", "dir"})
"""Functions that see names which the source does not show."""
_MEMBERS = ("value", "variation", "variant")


class Uses(cst.CSTVisitor):
    """How often *name* is bound below a node, and where it is read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._all: dict[int, cst.Name] = {}
        self._ignored: set[int] = set()
        self._bound: set[int] = set()
        self._members: set[int] = set()
        self.bindings = 0
        self.is_seen = False

    @property
    def reads(self) -> list[cst.Name]:
        """The nodes that read the name."""
        return [node for place, node in self._all.items() if place not in self._ignored | self._bound]

    @property
    def is_mentioned(self) -> bool:
        """Whether the name stands anywhere at all."""
        return bool(self._all)

    @property
    def is_read_by_members(self) -> bool:
        """Whether nothing but the value and the variation of an evaluation is read of it."""
        return all(id(node) in self._members for node in self.reads)

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802  # libcst's names, here and below
        """Note each."""
        if node.value == self._name:
            self._all[id(node)] = node

    def visit_Attribute(self, node: cst.Attribute) -> None:  # noqa: N802
        """Note that the name after the dot is another's."""
        self._ignored.add(id(node.attr))
        if node.attr.value in _MEMBERS:
            self._members.add(id(node.value))

    def visit_Arg(self, node: cst.Arg) -> None:  # noqa: N802
        """Note that the name of an argument is none of this function."""
        if node.keyword is not None:
            self._ignored.add(id(node.keyword))

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
        """Note what sees all names."""
        if isinstance(node.func, cst.Name) and node.func.value in _SEEING:
            self.is_seen = True

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note the bindings."""
        for bound in _bound_by(node):
            if bound.value == self._name:
                self._bound.add(id(bound))
                self.bindings += 1
        return super().on_visit(node)


def uses(name: str, below: cst.CSTNode) -> Uses:
    """Return how *name* is used below a node."""
    found = Uses(name)
    below.visit(found)
    return found


def uses_in(name: str, function: cst.FunctionDef) -> Uses:
    """Return how a local variable of *function* is used. Its defaults and decorators are of the scope around it."""
    found = uses(name, function.body)
    if uses(name, function.params).is_mentioned:
        found.is_seen = True
    return found


class _Assignments(cst.CSTVisitor):
    """The assignments of what is known to one local variable, each with its function."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self._marks = marks
        self._scopes: list[cst.CSTNode] = []
        self.found: list[tuple[cst.FunctionDef, cst.Name, cst.CSTNode, Constant]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            self._scopes.append(node)
        elif isinstance(node, cst.Assign | cst.AnnAssign | cst.NamedExpr):
            self._note(node)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            self._scopes.pop()
        super().on_leave(original_node)

    def _note(self, node: cst.Assign | cst.AnnAssign | cst.NamedExpr) -> None:
        constant = self._marks.constant(node.value)
        target = single_target(node)
        scope = self._scopes[-1] if self._scopes else None
        if constant is not None and target is not None and isinstance(scope, cst.FunctionDef):
            self.found.append((scope, target, node, constant))


class Local(NamedTuple):
    """A local variable that is known: where it is read, and the assignment that then nobody needs, by node."""

    constant: Constant
    reads: frozenset[int]
    assignment: int


def known_locals(module: cst.Module, marks: Marks) -> list[Local]:
    """Return the local variables that are known wherever they are read."""
    assignments = _Assignments(marks)
    module.visit(assignments)
    known: list[Local] = []
    for function, target, node, constant in assignments.found:
        found = uses_in(target.value, function)
        if found.bindings != 1 or found.is_seen or not constant.is_plain:
            continue
        if constant.is_evaluation and not found.is_read_by_members:
            continue
        known.append(Local(constant, frozenset(map(id, found.reads)), id(node)))
    return known


def names_below(nodes: Iterable[cst.CSTNode]) -> set[int]:
    """Return the names below *nodes*, by node."""
    return {id(each) for node in nodes for each in _below(node) if isinstance(each, cst.Name)}


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _below(child)


def single_target(node: cst.CSTNode) -> cst.Name | None:
    """Return the one name that an assignment binds, None if there are several or it is none."""
    if isinstance(node, cst.Assign):
        target: cst.BaseExpression | None = node.targets[0].target if len(node.targets) == 1 else None
    else:
        target = node.target if isinstance(node, cst.AnnAssign | cst.NamedExpr) else None
    return target if isinstance(target, cst.Name) else None


def is_generator(function: cst.FunctionDef) -> bool:
    """Return whether *function* itself yields."""
    return any(isinstance(node, cst.Yield) for node in _own(function))


def declared_names(function: cst.FunctionDef) -> set[str]:
    """Return the names that *function* itself declares as global or nonlocal."""
    declared = (node for node in _own(function) if isinstance(node, cst.Global | cst.Nonlocal))
    return {item.name.value for node in declared for item in node.names}


def _own(function: cst.FunctionDef) -> Iterator[cst.CSTNode]:
    """Yield what is in the body of *function*, but not in functions and classes of it."""
    waiting: list[cst.CSTNode] = [function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            waiting.extend(node.children)


def _bound_by(node: cst.CSTNode) -> Iterable[cst.Name]:
    """Yield the names that *node* itself binds, or declares to be another scope's."""
    if isinstance(node, cst.AssignTarget | cst.AugAssign | cst.AnnAssign | cst.NamedExpr | cst.For | cst.CompFor):
        yield from _targets(node.target)
    elif isinstance(node, cst.AsName):
        yield from _targets(node.name)
    elif isinstance(node, cst.Del):
        yield from _targets(node.target)
    elif isinstance(node, cst.Param | cst.FunctionDef | cst.ClassDef | cst.NameItem):
        yield from _targets(node.name)
    elif isinstance(node, cst.ImportAlias) and node.asname is None:
        name = node.name
        while isinstance(name, cst.Attribute):
            name = name.value  # type: ignore[assignment]  # names and dots only
        yield from _targets(name)
    elif isinstance(node, cst.MatchAs | cst.MatchStar) and node.name is not None:
        yield node.name
    elif isinstance(node, cst.MatchMapping) and node.rest is not None:
        yield node.rest


def _targets(target: cst.CSTNode) -> Iterator[cst.Name]:
    if isinstance(target, cst.Name):
        yield target
    elif isinstance(target, cst.Tuple | cst.List):
        for each in target.elements:
            yield from _targets(each.value)
    elif isinstance(target, cst.StarredElement):
        yield from _targets(target.value)
