"""Blocks of statements: what is left of one, with the comments and the blank lines where they belong."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import libcst as cst

from pennon.codemod.removal.marks import Branch, Lines, Marks

Statement: TypeAlias = cst.BaseStatement
PASS = cst.SimpleStatementLine([cst.Pass()])
_LEAVING = (cst.Return, cst.Raise, cst.Continue, cst.Break)


def block(body: cst.BaseSuite, before: Lines = ()) -> Branch:
    """Return what a block holds, with the lines *before* it."""
    if isinstance(body, cst.IndentedBlock):
        return Branch(body.body, before, comments(body.footer))
    assert isinstance(body, cst.SimpleStatementSuite)
    return Branch([cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace)], before)


def begun_as(before: Sequence[Any], after: Sequence[Any]) -> Sequence[Any]:
    """Return the statements *after* with no blank lines at their start where there were none *before*."""
    if not after or any(each.comment is None for each in before[0].leading_lines):
        return after
    lines = list(after[0].leading_lines)
    while lines and lines[0].comment is None:
        lines.pop(0)
    return [after[0].with_changes(leading_lines=lines), *after[1:]]


def without_empty(statements: Sequence[Any], marks: Marks) -> list[Any]:
    """Return *statements* without the lines of which nothing is left. What follows one keeps its distance."""
    kept: list[Any] = []
    blank: list[cst.EmptyLine] = []
    for each in statements:
        blanks = [line for line in each.leading_lines if line.comment is None]
        if marks.is_empty(each):
            blank = max(blank, blanks, key=len)
            continue
        if blank and not blanks:
            distant = each.with_changes(leading_lines=[*blank, *each.leading_lines])
            marks.carry(each, distant)
            each = distant  # noqa: PLW2901
        kept.append(each)
        blank = []
    return kept


def leaves(statement: Statement) -> bool:
    """Return whether nothing after *statement* in its block is ever reached."""
    if isinstance(statement, cst.SimpleStatementLine):
        return any(isinstance(each, _LEAVING) for each in statement.body)
    if not isinstance(statement, cst.If) or statement.orelse is None:
        return False
    body = block(statement.body).statements
    orelse = statement.orelse
    rest = [orelse] if isinstance(orelse, cst.If) else block(orelse.body).statements
    return bool(body and rest) and leaves(body[-1]) and leaves(rest[-1])


def led(statement: Any, before: Lines) -> Any:
    """Return *statement* with the lines *before* it, which stand for its own blank ones."""
    if not before:
        return statement
    own = list(statement.leading_lines)
    while own and own[0].comment is None:
        own.pop(0)
    return statement.with_changes(leading_lines=[*before, *own])


def comments(lines: Lines) -> Lines:
    """Return *lines* from the first comment to the last."""
    places = [place for place, each in enumerate(lines) if each.comment is not None]
    return tuple(lines[places[0] : places[-1] + 1]) if places else ()


def without_pass(statements: Sequence[Any]) -> Sequence[Any]:
    """Return *statements*, or none if all they do is `pass` and there is nothing that a reader would miss."""
    if len(statements) != 1 or not isinstance(statements[0], cst.SimpleStatementLine):
        return statements
    (line,) = statements
    is_pass = len(line.body) == 1 and isinstance(line.body[0], cst.Pass)
    is_bare = line.trailing_whitespace.comment is None and not comments(line.leading_lines)
    return () if is_pass and is_bare else statements
