"""Constraints as conditions: those of strategies, and those of segments."""

from collections.abc import Sequence
from typing import TypeAlias

from pennon.engine.dialects.unleash import DIALECTS as READERS
from pennon.engine.dialects.unleash import javascript as js
from pennon.engine.dialects.unleash.constraints import OPERATORS, Constraint, NotCompiled, write
from pennon.engine.dialects.unleash.patterns import is_ascii_only
from pennon.importers.unleash.document import refused
from pennon.importers.unleash.findings import Findings
from pennon.importers.unleash.shapes import Test
from pennon.model import Compat, Condition, Flag, Problem, Serve
from pennon.model.problems import pointer

OWNER = Flag(key="", variations=(), on=True, fallthrough=Serve(), compat=Compat("unleash", "python"))
"""A flag to prepare conditions for, to see whether they can be prepared."""
STATIC = frozenset({"appName", "environment"})
"""Fields that an SDK fills in from its own configuration where a context has none."""

Conditions: TypeAlias = tuple[Condition, ...]


def conditions_of(
    tests: Sequence[Test] | None, dialect: str, path: str, findings: Findings, *, is_lenient: bool
) -> Conditions | None:
    """Return the conditions of constraints, None where they hold for nobody.

    *is_lenient*: an operator that is not Unleash's is read as the SDK reads it, and not refused.
    """
    found: list[Condition] = []
    holds = True
    for index, test in enumerate(tests or ()):
        at = path + pointer("constraints", index)
        if test.operator not in OPERATORS:
            _unknown(test, dialect, at, findings, is_lenient=is_lenient)
            holds = False
            continue
        condition = write(test.constraint)
        if checked(condition, dialect, at, findings):
            _remark(test.constraint, dialect, at, findings)
            found.append(condition)
    return tuple(found) if holds else None


def _unknown(test: Test, dialect: str, path: str, findings: Findings, *, is_lenient: bool) -> None:
    message = f"the operator {test.operator!r} is not known here"
    if not is_lenient:
        raise refused(Problem(path + "/operator", message, "set the option unknownOperators to sdk to go by the SDK"))
    if dialect == "python":
        findings.off(path + "/operator", f"{message}, nor to the SDK: it serves off to everybody")
    else:
        findings.remark(path + "/operator", f"{message}, nor to the SDK: its strategy never holds")


def checked(condition: Condition, dialect: str, path: str, findings: Findings) -> bool:
    """Whether the dialect takes a condition; if not, say in *findings* what that means for the flag."""
    try:
        READERS[dialect].condition(condition, OWNER)
    except NotCompiled as error:
        findings.off(path, f"the SDK cannot read this, and serves off to everybody: {error}")
    except ValueError as error:
        findings.obstacle(path, str(error))
    else:
        return True
    return False


def _remark(constraint: Constraint, dialect: str, path: str, findings: Findings) -> None:
    """Say under which conditions a constraint that can be carried is exact."""
    read_field(constraint.field, path + "/contextName", findings)
    if dialect == "python" and constraint.operator == "REGEX" and is_ascii_only(constraint.value or ""):
        findings.condition(path + "/value", "texts are ASCII: to the SDK \\b knows letters of all scripts")
    if dialect == "node" and constraint.operator in {"DATE_AFTER", "DATE_BEFORE"}:
        _remark_date(constraint.value, path, findings)


def read_field(name: str, path: str, findings: Findings) -> None:
    """Say what must be so for a field to be read as the SDK reads it."""
    if name in STATIC:
        message = f"contexts carry {name}: where they do not, the SDK puts in what it is configured with"
        findings.condition(path, message)


def _remark_date(value: str | None, path: str, findings: Findings) -> None:
    message = "a currentTime in a context is ISO 8601 with its zone: JavaScript reads other texts in its own ways"
    findings.condition(path + "/operator", message)
    if value is None or js.is_local(value):
        if value is not None:
            findings.condition(path + "/value", "the SDK runs in UTC: this time has no zone")
    elif js.milliseconds(value) != js.milliseconds(value):
        findings.obstacle(path + "/value", f"JavaScript reads {value!r}, which is not ISO 8601, in its own way")
