"""What is known of nodes of a tree while it is rewritten. A node stands for itself: equal ones are others."""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import libcst as cst

from pennon.codemod.removal.kept import Constant, written

Lines: TypeAlias = Sequence[cst.EmptyLine]
Node = TypeVar("Node", bound=cst.CSTNode)


class Branch:
    """What is kept of a statement: its statements, and the comments before and after them."""

    def __init__(self, statements: Sequence[Any] = (), before: Lines = (), after: Lines = ()) -> None:
        self.statements = statements
        self.before = before
        self.after = after


class Marks:
    """Constants and reasons by node. It keeps the nodes, so that none takes the place of one that is gone."""

    def __init__(self) -> None:
        self._constants: dict[int, tuple[cst.CSTNode, Constant]] = {}
        self._reasons: dict[int, tuple[cst.CSTNode, str]] = {}
        self._branches: dict[int, tuple[cst.CSTNode, Branch]] = {}
        self._emptied: dict[int, cst.CSTNode] = {}

    def constant(self, node: cst.CSTNode | None) -> Constant | None:
        """Return what *node* is known to be, None if it is not."""
        found = self._constants.get(id(node))
        return None if found is None else found[1]

    def value(self, node: cst.CSTNode | None) -> Constant | None:
        """Do as `constant`, but for whole evaluations, which are no values."""
        found = self.constant(node)
        return None if found is None or found.is_evaluation else found

    def reason(self, node: cst.CSTNode) -> str | None:
        """Return why *node* was left, None if it was not."""
        found = self._reasons.get(id(node))
        return None if found is None else found[1]

    def know(self, node: Node, constant: Constant) -> Node:
        """Remember that *node* is *constant*, and return the node."""
        self._constants[id(node)] = (node, constant)
        return node

    def leave(self, node: Node, reason: str) -> Node:
        """Remember that *node* was left for *reason*, and return the node."""
        self._reasons[id(node)] = (node, reason)
        return node

    def branch(self, node: cst.CSTNode) -> Branch | None:
        """Return what is kept of *node*, None where all of it is."""
        found = self._branches.get(id(node))
        return None if found is None else found[1]

    def fold(self, node: Node, branch: Branch) -> Node:
        """Remember that *branch* is all that is kept of *node*, and return the node."""
        self._branches[id(node)] = (node, branch)
        return node

    def empty(self, line: cst.SimpleStatementLine) -> cst.SimpleStatementLine:
        """Return a line that stands where nothing is left, so that the block knows where that is."""
        emptied = line.with_changes(body=[cst.Pass()])
        self._emptied[id(emptied)] = emptied
        return emptied

    def is_empty(self, statement: cst.CSTNode) -> bool:
        """Return whether nothing is left of *statement*."""
        return id(statement) in self._emptied

    def carry(self, before: cst.CSTNode, after: object) -> None:
        """Let *after* be what *before* was: a visit makes each node anew."""
        if not isinstance(after, cst.CSTNode) or before is after:
            return
        if id(before) in self._constants and id(after) not in self._constants:
            self.know(after, self._constants[id(before)][1])
        if id(before) in self._branches:
            self.fold(after, self._branches[id(before)][1])
        if id(before) in self._reasons:
            self.leave(after, self._reasons[id(before)][1])

    def known(self, constant: Constant, quote: str | None = None) -> cst.BaseExpression:
        """Return a new expression that is *constant*, and known to be; strings are between *quote*, if it is given."""
        return self.know(written(constant.value, quote or constant.quote), constant)

    def in_place_of(self, gone: cst.BaseExpression, kept: cst.BaseExpression) -> cst.BaseExpression:
        """Return *kept* as it may stand where *gone* stood: in its parentheses, where it has none and may need them."""
        if not gone.lpar or kept.lpar:
            return kept
        comments = any("#" in _EMPTY.code_for_node(each) for each in (*gone.lpar, *gone.rpar))
        if isinstance(kept, _ATOMS) and not comments and "\n" not in _EMPTY.code_for_node(kept):
            return kept
        inside = kept.with_changes(lpar=gone.lpar, rpar=gone.rpar)
        self.carry(kept, inside)
        return inside


_EMPTY = cst.Module([])
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BaseNumber, cst.SimpleString)
