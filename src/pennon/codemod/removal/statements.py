"""Folds statements whose condition is known: the branch that is kept takes the place of the whole."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import libcst as cst

from pennon.codemod.conventions import Conventions
from pennon.codemod.removal.blocks import (
    PASS,
    Statement,
    begun_as,
    block,
    comments,
    leaves,
    led,
    without_empty,
    without_pass,
)
from pennon.codemod.removal.expressions import FoldExpressions
from pennon.codemod.removal.kept import Constant, literal
from pennon.codemod.removal.marks import Branch, Lines, Marks
from pennon.codemod.removal.scopes import declared_names, is_generator
from pennon.codemod.removal.sites import Site

_NONE = cst.SimpleWhitespace("")
_GENERATOR = "its function would be no generator any more"
_GLOBAL = "its function would lose a global or nonlocal declaration"


class FoldStatements(FoldExpressions):
    """Folds `if`, `while`, `match` and what follows a branch that leaves; drops the assignments in *dropped*."""

    def __init__(
        self,
        marks: Marks,
        conventions: Conventions,
        sites: Mapping[int, Site],
        names: Mapping[int, Constant],
        dropped: Collection[int],
    ) -> None:
        super().__init__(marks, conventions, sites, names)
        self._dropped = dropped
        self._elifs: set[int] = set()
        self._functions: list[bool] = [True]
        self.taken_back: list[cst.FunctionDef] = []

    def visit_If(self, node: cst.If) -> None:  # noqa: N802  # libcst's names, here and below
        """Note which `if` is an `elif`: it cannot be more than one statement."""
        if isinstance(node.orelse, cst.If):
            self._elifs.add(id(node.orelse))

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:  # noqa: N802
        """Note that nothing in it is known to make it more than a plain function."""
        self._functions.append(True)

    def visit_Yield(self, node: cst.Yield) -> None:  # noqa: N802
        """Note a generator."""
        self._functions[-1] = False

    def visit_Global(self, node: cst.Global) -> None:  # noqa: N802
        """Note a declaration."""
        self._functions[-1] = False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> None:  # noqa: N802
        """Note a declaration."""
        self._functions[-1] = False

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> Any:  # noqa: N802
        """Fold an `if`. An `elif` becomes an `else`, or what came after it."""
        known = self.marks.value(updated_node.test)
        if known is None:
            return updated_node
        if id(original_node) not in self._elifs:
            return self.marks.fold(updated_node, _branch_of(updated_node, is_true=bool(known.value)))
        if known.value:
            return cst.Else(body=updated_node.body, leading_lines=updated_node.leading_lines)
        return updated_node.orelse or cst.RemoveFromParent()

    def leave_While(self, original_node: cst.While, updated_node: cst.While) -> Any:  # noqa: N802
        """Fold a `while` that never runs. One that always runs keeps its condition."""
        known = self.marks.value(updated_node.test)
        if known is None or known.value:
            return updated_node
        orelse = updated_node.orelse
        return self.marks.fold(
            updated_node, Branch() if orelse is None else block(orelse.body, before=orelse.leading_lines)
        )

    def leave_Match(self, original_node: cst.Match, updated_node: cst.Match) -> Any:  # noqa: N802
        """Fold a `match` of what is known, where it is sure which case is taken."""
        known = self.marks.value(updated_node.subject)
        if known is None:
            return updated_node
        for case in updated_node.cases:
            taken = self._is_taken(case, known)
            if taken is None:
                return updated_node
            if taken:
                return self.marks.fold(updated_node, block(case.body, before=case.leading_lines))
        return self.marks.fold(updated_node, Branch())

    def leave_MatchCase(self, original_node: cst.MatchCase, updated_node: cst.MatchCase) -> cst.MatchCase:  # noqa: N802
        """Drop a guard that lets all pass."""
        if updated_node.guard is None or not self.is_true(updated_node.guard):
            return updated_node
        return updated_node.with_changes(
            guard=None, whitespace_before_if=cst.SimpleWhitespace(""), whitespace_after_if=cst.SimpleWhitespace("")
        )

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> Any:  # noqa: N802
        """Drop a call of the flag whose answer nobody took, and one that named no other flag."""
        is_gone = self.marks.constant(updated_node.value) is not None or self.names_none(updated_node.value)
        return cst.RemoveFromParent() if is_gone else updated_node

    def leave_Assert(self, original_node: cst.Assert, updated_node: cst.Assert) -> Any:  # noqa: N802
        """Drop an assertion that holds."""
        return cst.RemoveFromParent() if self.is_true(updated_node.test) else updated_node

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> Any:  # noqa: N802
        """Drop the assignment of a local variable that is known wherever it is read."""
        return cst.RemoveFromParent() if id(original_node) in self._dropped else updated_node

    def leave_AnnAssign(self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign) -> Any:  # noqa: N802
        """Do as for an assignment without a type."""
        return cst.RemoveFromParent() if id(original_node) in self._dropped else updated_node

    def leave_NamedExpr(self, original_node: cst.NamedExpr, updated_node: cst.NamedExpr) -> cst.BaseExpression:  # noqa: N802
        """Do as for an assignment that is a statement."""
        if id(original_node) not in self._dropped:
            return updated_node
        return self.marks.in_place_of(updated_node, updated_node.value)

    def leave_SimpleStatementLine(  # noqa: N802
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        """Note a line of which nothing is left, for the block to drop it."""
        return updated_node if updated_node.body else self.marks.empty(updated_node)

    def leave_SimpleStatementSuite(  # noqa: N802
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        """Write `pass` where nothing is left."""
        return updated_node if updated_node.body else updated_node.with_changes(body=[cst.Pass()])

    def leave_IndentedBlock(  # noqa: N802
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Put the kept branches in the place of the statements that were folded."""
        body, footer = self._spliced(updated_node.body, updated_node.footer)
        if body is None:
            return updated_node
        return updated_node.with_changes(body=begun_as(original_node.body, body) or [PASS], footer=footer)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:  # noqa: N802
        """Do as in a block."""
        body, footer = self._spliced(updated_node.body, updated_node.footer)
        return updated_node if body is None else updated_node.with_changes(body=body, footer=footer)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:  # noqa: N802
        """Take a function back whole where folding it would change what it is."""
        if self._functions.pop():
            return updated_node
        if is_generator(original_node) and not is_generator(updated_node):
            reason = _GENERATOR
        elif declared_names(original_node) != declared_names(updated_node):
            reason = _GLOBAL
        else:
            return updated_node
        self.marks.leave(original_node.name, reason)
        self.taken_back.append(original_node)
        return original_node

    def leave_Decorator(self, original_node: cst.Decorator, updated_node: cst.Decorator) -> Any:  # noqa: N802
        """Drop a decorator that named no other flag."""
        return cst.RemoveFromParent() if self.names_none(updated_node.decorator) else updated_node

    def _spliced(self, statements: Sequence[Any], footer: Lines) -> tuple[list[Statement] | None, Lines]:
        """Return the statements with the folded ones replaced, None where none was; and the footer."""
        done: list[Statement] = []
        pending: Lines = ()
        kept = without_empty(statements, self.marks)
        is_changed = len(kept) < len(statements)
        for statement in kept:
            branch = self.marks.branch(statement)
            if branch is None:
                done.append(led(statement, pending))
                pending = ()
                continue
            is_changed = True
            inner = without_pass(branch.statements)
            before = (*pending, *(statement.leading_lines if inner else ()), *comments(branch.before))
            if inner:
                done += [led(inner[0], before), *inner[1:]]
                before = ()
            pending = (*comments(before), *branch.after)
            if done and inner and leaves(done[-1]):
                break  # what comes after is never reached
        return (done if is_changed else None), (*pending, *footer)

    def _is_taken(self, case: cst.MatchCase, known: Constant) -> bool | None:
        """Return whether *case* is the one that *known* takes, None where that is not sure."""
        matches = _matches(case.pattern, known)
        if not matches or case.guard is None:
            return matches
        guard = self.marks.value(case.guard)
        return None if guard is None else bool(guard.value)


def _branch_of(node: cst.If, *, is_true: bool) -> Branch:
    if is_true:
        return block(node.body)
    if isinstance(node.orelse, cst.If):
        return Branch([node.orelse])
    return Branch() if node.orelse is None else block(node.orelse.body, before=node.orelse.leading_lines)


def _matches(pattern: cst.MatchPattern, known: Constant) -> bool | None:
    """Return whether *known* fits *pattern*, None where that is not sure or would bind a name."""
    if isinstance(pattern, cst.MatchAs):
        return True if pattern.pattern is None and pattern.name is None else None
    if isinstance(pattern, cst.MatchOr):
        found = [_matches(each.pattern, known) for each in pattern.patterns]
        return True if True in found and None not in found[: found.index(True)] else None if None in found else False
    if not isinstance(pattern, cst.MatchValue | cst.MatchSingleton):
        return None
    wanted = literal(pattern.value)
    if wanted is None:
        return None
    return wanted.value is known.value if isinstance(pattern, cst.MatchSingleton) else bool(wanted.value == known.value)
