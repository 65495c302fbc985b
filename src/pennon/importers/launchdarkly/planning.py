"""From a file of LaunchDarkly's to a plan."""

from collections.abc import Mapping
from typing import NamedTuple

from pennon.importers.launchdarkly import flags, links, segments
from pennon.importers.launchdarkly.clauses import Around
from pennon.importers.launchdarkly.details import Details
from pennon.importers.launchdarkly.documents import VENDOR, Document, Located, refused
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.fitting import check_segment, fitted
from pennon.importers.launchdarkly.shapes import Clause, P, VendorFlag, VendorSegment, items, read, unread
from pennon.importers.launchdarkly.variations import variation_keys
from pennon.importers.plan import Note, Plan, PlannedFlag, PlannedSegment
from pennon.model import Flag, Problem, Segment

_OF_GO = Note(
    "", "the SDKs for Java and .NET bucket as Go's does; patterns, dates and versions are read as Go's reads them"
)


class Items(NamedTuple):
    """The flags and segments of a file in their shapes, tombstones apart."""

    flags: Mapping[str, VendorFlag]
    segments: Mapping[str, VendorSegment]
    tombstones: tuple[Note, ...]


def read_items(document: Document) -> Items:
    """Return what the file has. Raises `ImportRefused` with each item that cannot be read."""
    problems: list[Problem] = []
    tombstones: list[Note] = []
    found = Items(
        _shaped(document.flags, VendorFlag, problems, tombstones),
        _shaped(document.segments or {}, VendorSegment, problems, tombstones),
        tuple(tombstones),
    )
    if problems:
        raise refused(*problems)
    return found


def _shaped(
    located: Mapping[str, Located], shape: type[P], problems: list[Problem], tombstones: list[Note]
) -> dict[str, P]:
    found: dict[str, P] = {}
    for key, (path, value) in sorted(located.items()):
        if isinstance(value, dict) and value.get("deleted") is True:
            tombstones.append(Note(path, f"{key!r} was deleted, and is left out"))
            continue
        item = read(value, shape, path)
        if isinstance(item, Problem):
            problems.append(Problem(item.path, f"in {key!r}: {item.message}", item.mend))
        elif item.key != key:
            problems.append(Problem(path + "/key", f"the key {item.key!r} is not {key!r}, by which it is listed"))
        else:
            found[key] = item
    return found


class Planner:
    """Plans the import of one file, in one dialect."""

    def __init__(self, document: Document, dialect: str) -> None:
        self._document = document
        self._items = read_items(document)
        self._dialect = dialect
        self._segment_keys = None if document.segments is None else frozenset(self._items.segments)
        self._found: dict[links.Node, Findings] = {}
        self._made_flags: dict[str, flags.Read] = {}
        self._made_segments: dict[str, Segment] = {}
        self._extra: dict[str, list[Segment]] = {}

    def plan(self) -> Plan:
        """Return the plan."""
        around = Around(self._dialect, self._segment_keys)
        for key, vendor in self._items.segments.items():
            self._plan_segment(key, vendor, around)
        keys = {key: self._keys(key, vendor) for key, vendor in self._items.flags.items()}
        for key, flag in self._items.flags.items():
            self._plan_flag(key, flag, keys, around)
        self._settle()
        planned = tuple(self._planned_flag(key, made.flag, keys[key]) for key, made in self._made_flags.items())
        of_dialect = (_OF_GO,) if self._dialect == "go" else ()
        notes = (*of_dialect, *self._document.notes, *self._items.tombstones, *self._lost_segments())
        return Plan(
            vendor=VENDOR, dialect=self._dialect, flags=planned, segments=self._planned_segments(planned), notes=notes
        )

    def _details(self, key: str) -> Details:
        return self._document.details.get(key, Details())

    def _keys(self, key: str, vendor: VendorFlag) -> list[str]:
        return variation_keys(items(vendor.variations), self._details(key).variations)

    def _plan_segment(self, key: str, vendor: VendorSegment, around: Around) -> None:
        located = (self._document.segments or {})[key]
        findings = self._found["segment", key] = Findings()
        for note in unread(located.value, VendorSegment, located.path):
            findings.said(note.path, note.message)
        made = self._made_segments[key] = segments.segment(vendor, located.path, around, findings)
        check_segment(made, located.path, findings)

    def _plan_flag(self, key: str, vendor: VendorFlag, keys: Mapping[str, list[str]], around: Around) -> None:
        located = self._document.flags[key]
        findings = self._found["flag", key] = Findings()
        for note in unread(located.value, VendorFlag, located.path):
            findings.said(note.path, note.message)
        made = flags.flag(vendor, located.path, keys, around, findings)
        fit, extra = fitted(made.flag, located.path, self._segment_keys or (), findings)
        self._made_flags[key], self._extra[key] = made._replace(flag=fit), extra

    def _settle(self) -> None:
        needs: dict[links.Node, list[links.Node]] = {}
        for key, flag in self._items.flags.items():
            needs["flag", key] = links.flag_needs(flag)
        for key, segment in self._items.segments.items():
            needs["segment", key] = links.segment_needs(segment)
        located = {"flag": self._document.flags, "segment": self._document.segments or {}}
        paths = {node: located[node[0]][node[1]].path for node in self._found}
        if self._dialect == "node":
            self._note_failing_prerequisites()
            self._note_failing_segments()
        links.settle(needs, self._found, paths)

    def _note_failing_prerequisites(self) -> None:
        """The Node SDK alone answers MALFORMED_FLAG for a flag whose prerequisite does."""
        for key, vendor in self._items.flags.items():
            for prerequisite in items(vendor.prerequisites):
                below = self._made_flags.get(prerequisite.key)
                if below is not None and below.can_fail:
                    message = f"its prerequisite {prerequisite.key!r} can be malformed, which the Node SDK passes on"
                    self._found["flag", key].impossible(self._document.flags[key].path + "/prerequisites", message)

    def _note_failing_segments(self) -> None:
        """The Node SDK passes over a clause that fails, by a segment too, where it is not a rule's last."""
        failing = links.users(
            {key: links.segment_needs(each) for key, each in self._items.segments.items()},
            {key for key in self._items.segments if self._found["segment", key].fails},
        )
        owners: list[tuple[links.Node, str, list[list[Clause]]]] = [
            (("flag", key), self._document.flags[key].path, [rule.clauses for rule in items(each.rules)])
            for key, each in self._items.flags.items()
        ]
        owners += [
            (("segment", key), (self._document.segments or {})[key].path, [rule.clauses for rule in items(each.rules)])
            for key, each in self._items.segments.items()
        ]
        for node, path, rules in owners:
            asked = (key for clauses in rules for clause in clauses[:-1] for key in links.segments_of(clause))
            if not failing.isdisjoint(asked):
                message = "a segment with a malformed clause is asked by a clause that is not a rule's last"
                self._found[node].impossible(path, f"{message}: the Node SDK passes over it")

    def _planned_flag(self, key: str, flag: Flag, keys: list[str]) -> PlannedFlag:
        findings, details = self._found["flag", key], self._details(key)
        return PlannedFlag(
            key=key,
            source=key,
            fidelity=findings.fidelity,
            notes=findings.notes,
            flag=None if findings.reasons else flag,
            identities={str(index): name for index, name in enumerate(keys)},
            name=details.name,
            description=details.description,
            tags=details.tags,
        )

    def _planned_segments(self, planned: tuple[PlannedFlag, ...]) -> tuple[PlannedSegment, ...]:
        made = [
            PlannedSegment(key=key, source=key, segment=segment, notes=self._found["segment", key].notes)
            for key, segment in self._made_segments.items()
            if not self._found["segment", key].reasons
        ]
        carried = [each.key for each in planned if each.flag is not None]
        made += [PlannedSegment(key=each.key, source=key, segment=each) for key in carried for each in self._extra[key]]
        return tuple(sorted(made, key=lambda each: each.key))

    def _lost_segments(self) -> tuple[Note, ...]:
        return tuple(
            Note(note.path, f"the segment {key!r} cannot be carried: {note.message}")
            for key in self._made_segments
            for note in self._found["segment", key].reasons
        )
