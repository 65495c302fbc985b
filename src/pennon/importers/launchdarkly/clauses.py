"""LaunchDarkly's clauses as Pennon's conditions: by Pennon's operators where these carry them whole."""

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from pennon.engine.dialects.launchdarkly.contexts import USER, Place, reference_steps
from pennon.engine.dialects.launchdarkly.operators import NAMES
from pennon.engine.dialects.launchdarkly.patterns import has_long_escape, python_exception
from pennon.engine.regex import pattern_problem
from pennon.importers.launchdarkly.documents import refused
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.shapes import Clause
from pennon.model import Condition, Json, Problem
from pennon.model.problems import pointer


class Around(NamedTuple):
    """What a clause is read among. `segments` are the keys that the file has, None where it has no segments at all."""

    dialect: str
    segments: Collection[str] | None


def conditions(clauses: Sequence[Clause], path: str, around: Around, findings: Findings) -> tuple[Condition, ...]:
    """Return the conditions of a rule whose clauses lie at *path*. Raises `ImportRefused` for an unknown operator."""
    made: list[Condition] = []
    for index, clause in enumerate(clauses):
        at = path + pointer("clauses", index)
        condition = _condition(clause, at, around, findings)
        if condition.op == "expression" and clause.op != "segmentMatch":
            is_last = index == len(clauses) - 1
            if around.dialect == "node" and not is_last:
                findings.said(
                    at, "the Node SDK passes over a malformed clause that is not a rule's last: it is left out"
                )
                continue
            findings.fails = True
            findings.said(
                at, "the attribute is malformed: LaunchDarkly's SDKs answer MALFORMED_FLAG and the default here"
            )
        made.append(condition)
    return tuple(made)


def _condition(clause: Clause, path: str, around: Around, findings: Findings) -> Condition:
    if clause.op == "segmentMatch":
        return _in_segment(clause, path, around, findings)
    if clause.op not in NAMES:
        message = f"the operator {clause.op!r} is not known here"
        raise refused(Problem(path + "/op", message, "update Pennon, or remove the clause"))
    where = place(clause.attribute or "", clause.context_kind, path + "/contextKind", around, findings)
    if not where.steps:
        return _verbatim(clause)
    if around.dialect == "go" and clause.context_kind and clause.attribute == "/kind":
        findings.impossible(path + "/attribute", "/kind is every kind to other SDKs, and that of one context to Go's")
    values = clause.values
    if clause.op == "matches":
        values = _patterns(values, path, around.dialect, findings)
    return Condition(op=NAMES[clause.op], attribute=where.text, values=tuple(values), negate=bool(clause.negate))


def place(attribute: str, kind: str | None, path: str, around: Around, findings: Findings) -> Place:
    """Return where a clause or a rollout looks. Only with a kind is the attribute a reference, else it is a name."""
    if kind == "" and around.dialect == "node":
        findings.impossible(path, "an empty kind is none to the Node SDK, and user to the others")
    if not kind:
        return Place(USER, (attribute,) if attribute else ())
    check_kind(kind, path, findings)
    steps = reference_steps(attribute)
    if steps[:1] == ("_meta",) and around.dialect == "node":
        steps = ()
    return Place(kind, steps)


def check_kind(kind: str, path: str, findings: Findings) -> None:
    """Note a kind that no context can have: written before an attribute it would not be read as one."""
    if re.fullmatch(r"[-A-Za-z0-9._]+", kind) is None:
        findings.impossible(path, f"{kind!r} is no kind of a context, which has letters, digits, '.', '_' and '-'")


def _verbatim(clause: Clause) -> Condition:
    members: dict[str, Json] = {"attribute": clause.attribute or "", "op": clause.op, "values": clause.values}
    if clause.context_kind:
        members["contextKind"] = clause.context_kind
    if clause.negate:
        members["negate"] = True
    return Condition(op="expression", value=members)


def _in_segment(clause: Clause, path: str, around: Around, findings: Findings) -> Condition:
    if (wrong := next((value for value in clause.values if not isinstance(value, str)), None)) is not None:
        raise refused(Problem(path + "/values", f"{wrong!r} is no key of a segment", "name segments by their keys"))
    if around.segments is None:
        findings.impossible(path, "it asks for segments, which the REST API does not show whole: give an SDK's payload")
    known = [key for key in clause.values if key in (around.segments or ())]
    for key in clause.values:
        if key not in known and around.segments is not None:
            findings.said(path + "/values", f"there is no segment {key!r} in the file: nobody is in it")
    if known:
        return Condition(op="inSegment", values=tuple(known), negate=bool(clause.negate))
    return _verbatim(clause)


# Patterns


def _patterns(values: Sequence[Json], path: str, dialect: str, findings: Findings) -> list[Json]:
    """Return the patterns that can be searched for, noting what becomes of the others."""
    kept: list[Json] = []
    for index, value in enumerate(values):
        if not isinstance(value, str) or _CHECKS[dialect](value, path + pointer("values", index), findings):
            kept.append(value)
    return kept


def _python_pattern(pattern: str, path: str, findings: Findings) -> bool:
    problem = pattern_problem(pattern)
    if (problem is not None or has_long_escape(pattern)) and not _compiles(pattern):
        findings.said(path, f"{pattern!r} is no pattern of Python's re: it is never found, and left out")
        return False
    if problem is not None:
        findings.impossible(path, f"the pattern {pattern!r} is outside of what Pennon searches for, {problem}")
    elif (exception := python_exception(pattern)) is not None:
        findings.limited(path, f"the pattern {pattern!r} is exact but for {exception}")
    return True


def _compiles(pattern: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            return False
    return True


def _node_pattern(pattern: str, path: str, findings: Findings) -> bool:
    if pattern.startswith("(?i)"):
        findings.said(path, f"{pattern!r} is no pattern of JavaScript's, which knows no (?i): it is never found")
        return True
    problem = pattern_problem(pattern)
    if problem is None and has_long_escape(pattern):
        problem = r"\x{…} is a repetition to JavaScript"
    if problem is not None:
        findings.impossible(path, f"the pattern {pattern!r} is outside of what Pennon searches for, {problem}")
    return True


def _go_pattern(pattern: str, path: str, findings: Findings) -> bool:
    if (problem := pattern_problem(pattern)) is not None:
        findings.impossible(path, f"the pattern {pattern!r} is outside of what Pennon searches for, {problem}")
    return True


_CHECKS: Mapping[str, Callable[[str, str, Findings], bool]] = {
    "python": _python_pattern,
    "node": _node_pattern,
    "go": _go_pattern,
}
