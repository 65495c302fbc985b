"""Rewrites one file: the flag's calls, what follows from them, and what nothing needs any more."""

import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import libcst as cst
import msgspec
from libcst.metadata import MetadataWrapper, PositionProvider

from pennon.codemod.conventions import Conventions
from pennon.codemod.errors import NotRewritable
from pennon.codemod.python_calls import Call, parse
from pennon.codemod.removal.kept import Kept
from pennon.codemod.removal.marks import Marks
from pennon.codemod.removal.scopes import known_locals, names_below
from pennon.codemod.removal.sites import find_sites
from pennon.codemod.removal.statements import FoldStatements
from pennon.codemod.removal.unused import drop_unused, orphans

_MOST_PASSES = 100


class Note(msgspec.Struct, frozen=True, order=True):
    """What a person should look at: a line of the new text, the code there, and why."""

    line: int
    code: str
    reason: str


class Rewritten(msgspec.Struct, frozen=True):
    """The new text, and what a person should look at."""

    text: str
    notes: tuple[Note, ...]


def rewrite(
    text: str,
    calls: Iterable[Call],
    kept: Kept,
    conventions: Conventions,
    *,
    exported: Collection[str] = (),
) -> Rewritten:
    """Take the flag of *kept* out of *text*, the source of a module of which *calls* are known.

    The module behaves as it did while the flag served the variation that is kept. What cannot be folded safely becomes
    the value, or stays, and is noted. *exported* are names that other modules import from this one. Text without
    such a call comes back as it is. Raises `NotRewritable` where libcst cannot read it.
    """
    named = [each for each in calls if each.key == kept.flag]
    if not named:
        return Rewritten(text, ())
    before = _parsed(text)
    module, sites = find_sites(before, named, kept, conventions)
    if len(sites) != len({each.end for each in named}):
        raise NotRewritable("its calls are not where they were read")
    marks = Marks()
    folded = module.visit(FoldStatements(marks, conventions, sites, {}, ()))
    for _ in range(_MOST_PASSES):
        further = _with_locals(folded, marks, conventions)
        if further.code == folded.code:
            break
        folded = further
    folded = drop_unused(module, folded, marks, conventions, exported)
    done = folded.code if folded.body or folded.header or folded.footer else ""
    _check(text, done)
    return Rewritten(done, tuple(sorted(set(_notes(module, folded, marks)))))


def _with_locals(module: cst.Module, marks: Marks, conventions: Conventions) -> cst.Module:
    """Return *module* with the local variables folded that are known, and without those that nothing reads then."""
    known = known_locals(module, marks)
    names = {read: each.constant for each in known for read in each.reads}
    while True:
        fold = FoldStatements(marks, conventions, {}, names, {each.assignment for each in known})
        folded = module.visit(fold)
        # A function that was taken back reads its names as before, also those of the function around it.
        needed = names_below(fold.taken_back)
        if not any(each.reads & needed for each in known):
            return folded
        known = [each for each in known if not each.reads & needed]


def _parsed(text: str) -> cst.Module:
    try:
        module = cst.parse_module(text)
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise NotRewritable(f"it is no Python that libcst reads: {error}") from error
    if module.code != text:
        raise NotRewritable("it has something that would not be written as it was")
    return module


def _check(before: str, after: str) -> None:
    """Raise `NotRewritable` where what compiled *before* does not *after*."""
    parse(before)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(after, "<rewritten>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise NotRewritable(f"without the flag it would be no Python: {error}") from error


def _notes(before: cst.Module, after: cst.Module, marks: Marks) -> Iterator[Note]:
    wrapper = MetadataWrapper(after, unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    lines = after.code.splitlines()
    reader = _Remaining(marks)
    after.visit(reader)
    found = [
        *reader.found,
        *((each, f"nothing in this file uses `{each.name.value}` any more") for each in orphans(before, after)),
    ]
    for node, reason in found:
        line = positions[node].start.line
        yield Note(line, lines[line - 1].strip() if line <= len(lines) else "", reason)


class _Remaining(cst.CSTVisitor):
    """The nodes that were left, and the constants that are still there, each with what is to be said of it."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self._marks = marks
        self._around: list[cst.CSTNode] = []
        self.found: list[tuple[cst.CSTNode, str]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if (reason := self._marks.reason(node)) is not None:
            self.found.append((node, reason))
        elif (constant := self._marks.constant(node)) is not None:
            if not constant.is_evaluation:
                self.found.append((node, _said_of(self._around[-1])))
            elif isinstance(node, cst.Call):
                self.found.append((node, "more than the value and the variation of the evaluation is used"))
        self._around.append(node)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._around.pop()
        super().on_leave(original_node)


def _said_of(parent: cst.CSTNode) -> str:
    """Return what a constant below *parent* means to a reader."""
    for kinds, said in _SAID:
        if isinstance(parent, kinds):
            return said
    return "the value of the flag stands here now"


_SAID: tuple[tuple[Any, str], ...] = (
    (cst.Return, "it is returned: what calls this may be simpler now"),
    (cst.Arg, "the value of the flag is passed on"),
    ((cst.Assign, cst.AnnAssign), "it is assigned to what other code may read"),
    (cst.While, "this loop does not end by the flag any more"),
    (cst.Assert, "this does not hold any more"),
    (cst.CompIf, "this lets nothing pass any more"),
    (cst.BooleanOperation, "what is beside it may do something, or be more than true or false"),
    (cst.Comparison, "what it is compared with is not written here"),
    (cst.Match, "it is not sure which case is taken"),
)
