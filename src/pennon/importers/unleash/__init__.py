"""Imports Unleash: what its SDKs poll for or are streamed, and what its admin API exports.

A feature becomes a boolean flag of its name, which answers as `is_enabled` does; one with variants becomes a second,
`<name>.variant`, whose value is what `get_variant` answers. A segment becomes the segment `unleash-<id>`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pennon.importers.plan import Note, Plan, PlannedFlag, PlannedSegment, Vocabulary
from pennon.importers.unleash import vocabulary as words
from pennon.importers.unleash.constraints import conditions_of
from pennon.importers.unleash.document import VENDOR, State, read_state, refused
from pennon.importers.unleash.findings import Findings
from pennon.importers.unleash.flags import Draft, draft_of, link, planned
from pennon.importers.unleash.strategies import Setting, segment_key
from pennon.importers.unleash.variants import SUFFIX
from pennon.model import Compat, Problem, Segment, SegmentRule
from pennon.model.validation import segment_problems

__all__ = ["DIALECTS", "VENDOR", "plan", "vocabulary"]

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "python": "the SDKs over the Rust core Yggdrasil, as the Python SDK since 6.0: ids are hashed as UTF-8",
        "node": "the Node.js SDK, 6.x: of ids the low byte of each UTF-16 unit is hashed",
    }
)
"""Each dialect, and the SDKs that speak it."""
_ENVIRONMENT, _LENIENT = "environment", "unknownOperators"
_NO_OPTIONS: Mapping[str, bytes | str] = MappingProxyType({})
_NOT_CARRIED = "project, type and times are not carried"


def plan(data: bytes, dialect: str, options: Mapping[str, bytes | str] = _NO_OPTIONS) -> Plan:
    """Return what importing *data* would create. Raises `ImportRefused`.

    The option `environment` picks one of an export's. An operator that is not Unleash's is refused, unless the option
    `unknownOperators` is `sdk`: then it is read as the SDK reads it, which holds for nobody.
    """
    if dialect not in DIALECTS:
        raise refused(Problem("", f"Unleash has no dialect {dialect!r}", f"name one of {', '.join(DIALECTS)}"))
    given = _texts(options)
    if given.get(_LENIENT, "sdk") != "sdk":
        raise refused(Problem("", f"{_LENIENT} is sdk or is left out, not {given[_LENIENT]!r}"))
    state = read_state(data, given.get(_ENVIRONMENT))
    return _plan(state, dialect, is_lenient=_LENIENT in given)


def vocabulary(data: bytes, options: Mapping[str, bytes | str] = _NO_OPTIONS) -> Vocabulary:
    """Return the attributes that the file's rules read, with the literals of each. Raises `ImportRefused`."""
    return words.of_state(read_state(data, _texts(options).get(_ENVIRONMENT)))


def _texts(options: Mapping[str, bytes | str]) -> dict[str, str]:
    unknown = sorted(options.keys() - {_ENVIRONMENT, _LENIENT})
    if unknown:
        known = f"those that are: {_ENVIRONMENT}, {_LENIENT}"
        raise refused(Problem("", f"there is no option {unknown[0]!r}", known))
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value for name, value in options.items()
    }


def _plan(state: State, dialect: str, *, is_lenient: bool) -> Plan:
    found: dict[int, Findings] = {}
    segments = list(_segments(state, dialect, found, is_lenient=is_lenient))
    setting = Setting(state, dialect, is_lenient, found)
    drafts = {placed.feature.name: draft_of(placed, setting) for placed in state.features}
    for draft in drafts.values():
        link(draft, drafts, setting)
    flags = [flag for draft in drafts.values() for flag in planned(draft, setting)]
    _check_keys(flags, drafts)
    return Plan(
        vendor=VENDOR,
        dialect=dialect,
        flags=tuple(sorted(flags, key=lambda flag: flag.key)),
        segments=tuple(sorted(segments, key=lambda segment: segment.key)),
        notes=(*state.notes, Note("", _NOT_CARRIED)),
    )


def _segments(state: State, dialect: str, found: dict[int, Findings], *, is_lenient: bool) -> list[PlannedSegment]:
    """Return the segments that can be carried; *found* learns about all of them."""
    segments = []
    for number, (path, segment) in state.segments.items():
        findings = found[number] = Findings()
        conditions = conditions_of(segment.constraints, dialect, path, findings, is_lenient=is_lenient)
        if findings.is_off or findings.obstacles:
            continue  # whoever uses it says so
        key = segment_key(number)
        rules = () if conditions is None else (SegmentRule(conditions, "constraints"),)
        made = Segment(key, salt=key, rules=rules, compat=Compat(VENDOR, dialect))
        findings.not_taken(path, segment_problems(made))
        if not findings.obstacles:
            segments.append(PlannedSegment(key=key, source=str(number), segment=made, notes=findings.notes))
    return segments


def _check_keys(flags: list[PlannedFlag], drafts: Mapping[str, Draft]) -> None:
    seen: set[str] = set()
    for flag in flags:
        if flag.key in seen:
            feature = flag.key.removesuffix(SUFFIX)
            message = f"the key {flag.key!r} is taken: the variants of {feature!r} need it, and so does a feature"
            raise refused(Problem(drafts[flag.key].placed.path + "/name", message, "rename one of the two features"))
        seen.add(flag.key)
