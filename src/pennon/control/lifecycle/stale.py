"""Gathers what is known of a project's flags, and tells which of them are stale."""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pennon.control.clock import Clock
from pennon.control.environments.views import Environment, environments
from pennon.control.errors import NotFound
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.lifecycle.code import CodeReferences
from pennon.control.lifecycle.counts import EvaluationCounts, EvaluationSpan
from pennon.control.lifecycle.staleness import (
    Code,
    Defined,
    Evidence,
    InEnvironment,
    ReasonName,
    Reports,
    Served,
    StaleReason,
    stale_reasons,
    variation_to_keep,
)
from pennon.control.log import ChangeLog, EnvironmentName, Reading, Stored, project_log
from pennon.control.projects.views import StaleAfter
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page
from pennon.control.working.uses import uses
from pennon.model import Flag

_SERVED = msgspec.json.Decoder(Served)
_DEFINED = msgspec.json.Decoder(Defined)
_REQUIRING = (b'"prerequisites":[{', b'"serves"')
"""What is in the text of a flag that asks for others."""


class AskedStale(msgspec.Struct, frozen=True, kw_only=True):
    """Which stale flags are asked for. With `environment`, only what that one knows of them counts."""

    reason: ReasonName | None = None
    owner: str | None = None
    environment: str | None = None
    flag: str | None = None


EVERY = AskedStale()


class StaleFlag(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that may go: why, which variation the code goes on with (None: that is not clear), and what it holds up.

    `required_by` are the flags that have it as a prerequisite: they come first.
    """

    definition: FlagDefinition
    reasons: tuple[StaleReason, ...]
    keep: str | None
    required_by: tuple[str, ...]


class _State(msgspec.Struct, frozen=True):
    """What an environment does with all flags, and since when."""

    environment: str
    flags: Mapping[str, Served]
    changed: Mapping[str, datetime.datetime]


class _Read(msgspec.Struct, frozen=True):
    """What there is of flags in the logs: `states` are of the environments that count, `required` says by whom."""

    definitions: Sequence[Stored]
    environments: Sequence[str]
    states: Sequence[_State]
    required: Mapping[str, set[str]]
    stale_after: StaleAfter


class _Known(msgspec.Struct, frozen=True):
    """What an environment knows of all flags: beside its state, what was evaluated in it."""

    state: _State
    spans: Mapping[str, Sequence[EvaluationSpan]]
    reports: Reports

    def of(self, key: str) -> InEnvironment | None:
        """Return what it knows of one flag."""
        if (served := self.state.flags.get(key)) is None:
            return None
        spans = self.spans.get(key, ())
        return InEnvironment(self.state.environment, served, self.state.changed[key], spans, self.reports)


class StaleViews:
    """Answers which flags are stale."""

    def __init__(self, log: ChangeLog, clock: Clock, counts: EvaluationCounts, code: CodeReferences) -> None:
        self._log = log
        self._clock = clock
        self._counts = counts
        self._code = code

    def flags(
        self, project: str, asked: AskedStale = EVERY, *, after: str | None = None, limit: int = 100
    ) -> Page[StaleFlag]:
        """Return a page of stale flags in the order of their keys, from behind the key *after*.

        What environments that are marked as production know of a flag counts; in a project that has none, what all
        know. Raises `NotFound` for the project and for an environment that is asked for.
        """
        found: list[StaleFlag] = []
        for flag in self._stale(project, asked, after or ""):
            found.append(flag)
            if len(found) > limit:
                return Page(tuple(found[:limit]), found[limit - 1].definition.key)
        return Page(tuple(found))

    def _stale(self, project: str, asked: AskedStale, after: str) -> Iterator[StaleFlag]:
        now = self._clock.now()
        read = self._read(project, asked)
        known = [self._known(project, each, read.stale_after, asked.flag) for each in read.states]
        evaluated: dict[str, int] = {}
        for span in (span for one in known for of in one.spans.values() for span in of):
            evaluated[span.flag] = max(span.last, evaluated.get(span.flag, 0))
        others = set(read.environments) - {each.environment for each in read.states}
        for last in (self._counts.last_hours(f"{project}/{name}", flag=asked.flag) for name in sorted(others)):
            evaluated |= {key: max(hour, evaluated.get(key, 0)) for key, hour in last.items()}
        code = self._scanned(project)
        for stored in read.definitions:
            flag = _DEFINED.decode(stored.text)
            key = flag.key
            if key <= after or flag.archived or asked.owner not in (None, flag.owner):
                continue
            evidence = Evidence(
                flag=flag,
                environments=[each for one in known if (each := one.of(key)) is not None],
                evaluated=evaluated.get(key),
                is_required=key in read.required,
                code=code,
            )
            reasons = stale_reasons(evidence, read.stale_after, now)
            if reasons and (asked.reason is None or any(each.reason == asked.reason for each in reasons)):
                users = tuple(sorted(read.required.get(key, ())))
                definition, keep = stored.read(FlagDefinition), variation_to_keep(reasons)
                yield StaleFlag(definition=definition, reasons=reasons, keep=keep, required_by=users)

    def _read(self, project: str, asked: AskedStale) -> _Read:
        with self._log.reading() as reading:
            found = find_project(reading, project)
            every = environments(reading, project)
            judging = _judging(project, every, asked.environment)
            return _Read(
                _items(reading, project_log(project), "definition", asked.flag),
                [each.key for each in every],
                [
                    _State(
                        name.environment,
                        {item.key: _SERVED.decode(item.text) for item in _items(reading, name.log, "flag", asked.flag)},
                        reading.times(name.log, "flag", key=asked.flag),
                    )
                    for name in judging
                ],
                _required(reading, judging),
                found.stale_after,
            )

    def _known(self, project: str, state: _State, after: StaleAfter, flag: str | None) -> _Known:
        name = f"{project}/{state.environment}"
        by_flag: dict[str, list[EvaluationSpan]] = defaultdict(list)
        for span in self._counts.spans(name, flag=flag):
            by_flag[span.flag].append(span)
        since = self._clock.now() - datetime.timedelta(days=max(msgspec.structs.astuple(after)) + 1)
        reports = Reports(self._counts.first_hour(name), self._counts.days_reported(name, since=since))
        return _Known(state, by_flag, reports)

    def _scanned(self, project: str) -> Code | None:
        if not (scans := self._code.scans(project)):
            return None
        oldest = min(scan.scanned_at for scan in scans)
        return Code(tuple(scan.repository for scan in scans), self._code.flags(project), oldest)


def _judging(project: str, every: Sequence[Environment], asked: str | None) -> list[EnvironmentName]:
    if asked is not None and all(each.key != asked for each in every):
        raise NotFound("environment", f"{project}/{asked}")
    chosen = [each for each in every if each.key == asked or (asked is None and each.production)]
    return [EnvironmentName(project, each.key) for each in chosen or every]


def _items(reading: Reading, log: str, kind: str, key: str | None) -> list[Stored]:
    if key is None:
        return reading.items(log, kind)
    return [item] if (item := reading.item(log, kind, key)) is not None else []


def _required(reading: Reading, judging: Sequence[EnvironmentName]) -> Mapping[str, set[str]]:
    """Return, of each flag that others ask for, which do."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in judging:
        asking = {item.key: item for part in _REQUIRING for item in reading.items_with(name.log, "flag", part)}
        for key, item in asking.items():
            for use in uses(item.read(Flag)):
                if use.used[0] == "flag":
                    found[use.used[1]].add(key)
    return found
