"""What nothing needs any more since the flag is gone: imports and local variables. What nobody needed before stays."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import libcst as cst

from pennon.codemod.conventions import Conventions
from pennon.codemod.removal.blocks import PASS, begun_as, without_empty
from pennon.codemod.removal.marks import Marks
from pennon.codemod.removal.purity import is_pure
from pennon.codemod.removal.scopes import single_target, uses_in

_MOST_PASSES = 100


def drop_unused(
    before: cst.Module, after: cst.Module, marks: Marks, conventions: Conventions, exported: Collection[str]
) -> cst.Module:
    """Return *after* without the imports and locals that are read *before*, and nowhere any more."""
    was, functions = Reads.of(before), _Functions.of(before)
    for _ in range(_MOST_PASSES):
        needless = _needless_locals(functions, after, marks, conventions)
        further = after.visit(_Drop(marks, needless, set())) if needless else after
        read = Reads.of(further)
        gone = {name for name in was.names if not read.names[name] and name not in read.said and name not in exported}
        further = further.visit(_Drop(marks, set(), gone)) if gone else further
        if further.code == after.code:
            return after
        after = further
    return after


def orphans(before: cst.Module, after: cst.Module) -> Iterator[cst.FunctionDef | cst.ClassDef]:
    """Yield the functions and classes of *after* that the module itself used *before*, and uses no more."""
    was, read = Reads.of(before), Reads.of(after)
    for each in after.body:
        if isinstance(each, cst.FunctionDef | cst.ClassDef):
            name = each.name.value
            if was.names[name] and not read.names[name] and name not in read.said:
                yield each
        if isinstance(each, cst.ClassDef) and isinstance(each.body, cst.IndentedBlock):
            for inner in each.body.body:
                if isinstance(inner, cst.FunctionDef):
                    name = inner.name.value
                    if name.startswith("_") and was.members[name] and not read.members[name]:
                        yield inner


class Reads(cst.CSTVisitor):
    """How often each name and each attribute is read in a module, and which names its strings mean."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.members: Counter[str] = Counter()
        self.said: set[str] = set()
        self._ignored: set[int] = set()
        self._speaking = 0

    @classmethod
    def of(cls, module: cst.Module) -> "Reads":
        """Return what *module* reads."""
        found = cls()
        module.visit(found)
        return found

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note what a node reads."""
        if isinstance(node, cst.Attribute):
            self._ignored.add(id(node.attr))
            self.members[node.attr.value] += 1
        elif isinstance(node, cst.Arg) and node.keyword is not None:
            self._ignored.add(id(node.keyword))
        elif isinstance(node, cst.AssignTarget | cst.AnnAssign) and isinstance(node.target, cst.Name):
            self._ignored.add(id(node.target))
        elif isinstance(node, cst.Param | cst.FunctionDef | cst.ClassDef):
            self._ignored.add(id(node.name))
        elif isinstance(node, cst.Import | cst.ImportFrom):
            return False
        elif isinstance(node, cst.Name) and id(node) not in self._ignored:
            self.names[node.value] += 1
        elif isinstance(node, cst.SimpleString) and self._speaking:
            self.said.update(_words(node.evaluated_value))
        self._speaking += _speaks(node)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Note that strings are text again."""
        self._speaking -= _speaks(original_node)
        super().on_leave(original_node)


class _Drop(cst.CSTTransformer):
    """Drops the assignments *needless*, by node, and the imports of the names *gone*."""

    def __init__(self, marks: Marks, needless: Collection[int], gone: Collection[str]) -> None:
        super().__init__()
        self._marks = marks
        self._needless = needless
        self._gone = gone
        self._tries = 0

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> Any:
        """Carry over what is known: a visit makes each node anew."""
        self._marks.carry(original_node, updated_node)
        result = super().on_leave(original_node, updated_node)
        if id(original_node) in self._needless:
            return cst.RemoveFromParent()
        return result

    def visit_Try(self, node: cst.Try) -> None:  # noqa: N802  # libcst's names, here and below
        """Note that an import may be tried."""
        self._tries += 1

    def leave_Try(self, original_node: cst.Try, updated_node: cst.Try) -> cst.Try:  # noqa: N802
        """Note the end of it."""
        self._tries -= 1
        return updated_node

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> Any:  # noqa: N802
        """Drop the names that are gone."""
        return self._without(updated_node, updated_node.names)

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> Any:  # noqa: N802
        """Do as for `import`."""
        if isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        return self._without(updated_node, updated_node.names)

    def leave_IndentedBlock(  # noqa: N802
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Drop lines of which nothing is left."""
        body = without_empty(updated_node.body, self._marks)
        if len(body) == len(updated_node.body):
            return updated_node
        return updated_node.with_changes(body=begun_as(original_node.body, body) or [PASS])

    def leave_SimpleStatementLine(  # noqa: N802
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        """Note a line of which nothing is left."""
        return updated_node if updated_node.body else self._marks.empty(updated_node)

    def leave_SimpleStatementSuite(  # noqa: N802
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        """Write `pass` where nothing is left."""
        return updated_node if updated_node.body else updated_node.with_changes(body=[cst.Pass()])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:  # noqa: N802
        """Drop lines of which nothing is left."""
        body = without_empty(updated_node.body, self._marks)
        return updated_node if len(body) == len(updated_node.body) else updated_node.with_changes(body=body)

    def _without(self, node: Any, names: Collection[cst.ImportAlias]) -> Any:
        kept = [each for each in names if self._tries or _name_of(each) not in self._gone]
        if len(kept) == len(names):
            return node
        if not kept:
            return cst.RemoveFromParent()
        kept[-1] = kept[-1].with_changes(comma=_last_comma(kept[-1].comma, list(names)[-1].comma))
        return node.with_changes(names=kept)


class _Functions(cst.CSTVisitor):
    """The functions of a module by their dotted names, and the assignments in each."""

    def __init__(self) -> None:
        super().__init__()
        self._around: list[cst.FunctionDef | cst.ClassDef] = []
        self.functions: dict[str, list[cst.FunctionDef]] = {}
        self.assignments: list[tuple[str, cst.FunctionDef, cst.Assign | cst.AnnAssign]] = []

    @classmethod
    def of(cls, module: cst.Module) -> "_Functions":
        found = cls()
        module.visit(found)
        return found

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._around.append(node)
            if isinstance(node, cst.FunctionDef):
                self.functions.setdefault(self._name, []).append(node)
        elif isinstance(node, cst.Assign | cst.AnnAssign):
            function = self._around[-1] if self._around else None
            if isinstance(function, cst.FunctionDef):
                self.assignments.append((self._name, function, node))
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._around.pop()
        super().on_leave(original_node)

    @property
    def _name(self) -> str:
        return ".".join(each.name.value for each in self._around)


def _needless_locals(was: _Functions, after: cst.Module, marks: Marks, conventions: Conventions) -> set[int]:
    now = _Functions.of(after)
    needless: set[int] = set()
    for path, function, node in now.assignments:
        target = single_target(node)
        if target is None or node.value is None:
            continue
        found = uses_in(target.value, function)
        if found.bindings != 1 or found.is_seen or found.reads:
            continue
        if not any(uses_in(target.value, each).reads for each in was.functions.get(path, ())):
            continue
        if is_pure(node.value, conventions):
            needless.add(id(node))
        else:
            marks.leave(node, f"`{target.value}` is not read any more, but what it is given may do something")
    return needless


def _name_of(alias: cst.ImportAlias) -> str:
    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    return cst.Module([]).code_for_node(alias.name).partition(".")[0].strip()


def _last_comma(own: Any, last: Any) -> Any:
    """Return the comma of what is the last name now: its own comment, and the line end of what was the last."""
    if not isinstance(own, cst.Comma) or not isinstance(last, cst.Comma):
        return last
    after, end = own.whitespace_after, last.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace) and isinstance(end, cst.ParenthesizedWhitespace):
        return own.with_changes(whitespace_after=after.with_changes(indent=end.indent, last_line=end.last_line))
    return last


def _speaks(node: cst.CSTNode) -> bool:
    """Return whether strings below *node* name things: annotations, `__all__`, `cast("…", …)`."""
    if isinstance(node, cst.Annotation):
        return True
    if isinstance(node, cst.Assign | cst.AugAssign | cst.AnnAssign):
        target = node.targets[0].target if isinstance(node, cst.Assign) else node.target
        return isinstance(target, cst.Name) and target.value == "__all__"
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in ("cast", "TypeVar")


def _words(text: object) -> Iterator[str]:
    if isinstance(text, str):
        yield from "".join(each if each.isidentifier() or each.isdigit() else " " for each in text).split()
