"""Findings: what compiles and is surely not meant, or surely has no effect. Each is proved, for every context."""

from collections.abc import Mapping
from enum import StrEnum

from pennon.model import ItemKind
from pennon.model.flags import Wire


class Severity(StrEnum):
    """How bad a finding is: it cannot work, it cannot be meant, or it has less effect than one may think."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Code(StrEnum):
    """What a finding says. `docs/reference/findings.md` has an entry for each."""

    BROKEN = "broken"
    CONDITION_NEVER = "condition-never"
    CONDITIONS_CONTRADICT = "conditions-contradict"
    RULE_UNREACHABLE = "rule-unreachable"
    TARGET_UNREACHABLE = "target-unreachable"
    PREREQUISITE_NEVER_MET = "prerequisite-never-met"
    PREREQUISITES_CONTRADICT = "prerequisites-contradict"
    VARIATION_UNREACHABLE = "variation-unreachable"
    EXPERIMENT_OWNS_NOTHING = "experiment-owns-nothing"
    KEY_IN_BOTH_LISTS = "key-in-both-lists"
    CONDITIONS_NEED_ARRAY = "conditions-need-array"
    CONDITION_ALWAYS = "condition-always"
    BUCKET_WHOLE = "bucket-whole"
    FALLTHROUGH_UNREACHABLE = "fallthrough-unreachable"
    PREREQUISITE_ALWAYS_MET = "prerequisite-always-met"
    SPLIT_UNREACHABLE = "split-unreachable"
    SPLIT_OF_ONE = "split-of-one"
    WEIGHT_ZERO = "weight-zero"
    EXCLUSION_WITHOUT_EFFECT = "exclusion-without-effect"
    SEGMENT_EMPTY = "segment-empty"


_W, _N = Severity.WARNING, Severity.NOTICE
SEVERITIES: Mapping[Code, Severity] = {
    Code.BROKEN: Severity.ERROR,
    Code.CONDITION_NEVER: _W,
    Code.CONDITIONS_CONTRADICT: _W,
    Code.RULE_UNREACHABLE: _W,
    Code.TARGET_UNREACHABLE: _W,
    Code.PREREQUISITE_NEVER_MET: _W,
    Code.PREREQUISITES_CONTRADICT: _W,
    Code.VARIATION_UNREACHABLE: _W,
    Code.EXPERIMENT_OWNS_NOTHING: _W,
    Code.KEY_IN_BOTH_LISTS: _W,
    Code.CONDITIONS_NEED_ARRAY: _N,
    Code.CONDITION_ALWAYS: _N,
    Code.BUCKET_WHOLE: _N,
    Code.FALLTHROUGH_UNREACHABLE: _N,
    Code.PREREQUISITE_ALWAYS_MET: _N,
    Code.SPLIT_UNREACHABLE: _N,
    Code.SPLIT_OF_ONE: _N,
    Code.WEIGHT_ZERO: _N,
    Code.EXCLUSION_WITHOUT_EFFECT: _N,
    Code.SEGMENT_EMPTY: _N,
}


class Finding(Wire, frozen=True, kw_only=True):
    """Something in a flag or segment: where (a JSON pointer into it), what is so for every context, and what to do."""

    code: Code
    severity: Severity
    kind: ItemKind
    key: str
    path: str
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key!r} {self.path or '/'}: {self.message} ({self.mend}) [{self.code}]"


class Findings:
    """Collects the findings of one item."""

    def __init__(self, kind: ItemKind, key: str) -> None:
        self._kind: ItemKind = kind
        self._key = key
        self.found: list[Finding] = []

    def note(self, code: Code, path: str, message: str, mend: str) -> None:
        """Note a finding."""
        finding = Finding(
            code=code,
            severity=SEVERITIES[code],
            kind=self._kind,
            key=self._key,
            path=path,
            message=message,
            mend=mend,
        )
        self.found.append(finding)
