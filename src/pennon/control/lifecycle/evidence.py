"""Gathers what is known of a project's flags: what environments do with them, what SDKs reported, what code names."""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from pennon.control.clock import Clock
from pennon.control.environments.views import Environment, environments
from pennon.control.errors import NotFound
from pennon.control.flags.index import asking_index
from pennon.control.flags.views import FlagViews
from pennon.control.index import Index
from pennon.control.lifecycle.code import CodeReferences
from pennon.control.lifecycle.counts import EvaluationCounts, EvaluationSpan
from pennon.control.lifecycle.staleness import Code, Defined, Evidence, InEnvironment, Reports, Served
from pennon.control.log import ChangeLog, EnvironmentName, Reading, project_log
from pennon.control.projects.views import StaleAfter
from pennon.control.projects.views import project as find_project

_SERVED = msgspec.json.Decoder(Served)
_DEFINED = msgspec.json.Decoder(Defined)


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is known of one flag: the evidence, and which flags require it."""

    evidence: Evidence
    required_by: tuple[str, ...]


class _State(msgspec.Struct, frozen=True):
    """What an environment does with flags."""

    environment: str
    flags: Mapping[str, Served]


class _Read(msgspec.Struct, frozen=True):
    """What there is of flags in the logs: `states` are of the environments that count, `required` says by whom."""

    definitions: Sequence[Defined]
    environments: Sequence[str]
    states: Sequence[_State]
    required: Mapping[str, set[str]]
    stale_after: StaleAfter


class _Heard(msgspec.Struct, frozen=True):
    """An environment's state, and what was evaluated in it."""

    state: _State
    spans: Mapping[str, Sequence[EvaluationSpan]]
    reports: Reports

    def of(self, key: str) -> InEnvironment | None:
        """Return what it knows of one flag."""
        if (served := self.state.flags.get(key)) is None:
            return None
        spans = self.spans.get(key, ())
        return InEnvironment(self.state.environment, served, spans, self.reports)


class EvidenceReader:
    """Reads the evidence from the logs and from what is kept beside them."""

    def __init__(
        self, log: ChangeLog, clock: Clock, flags: FlagViews, counts: EvaluationCounts, code: CodeReferences
    ) -> None:
        self._log = log
        self._clock = clock
        self._flags = flags
        self._counts = counts
        self._code = code
        self._defined = Index("definition", _DEFINED.decode)
        self._served = Index("flag", _SERVED.decode, dated=_dated)
        self._asking = asking_index()

    def standing(self, project: str) -> tuple[object, ...]:
        """Return something that is another once a change or a scan may have altered the evidence of *project*.

        Evaluations alter it without a change. Raises `NotFound`.
        """
        with self._log.reading() as reading:
            after = find_project(reading, project).stale_after
            names = (EnvironmentName(project, each.key).log for each in environments(reading, project))
            heads = tuple((log, reading.head(log)) for log in (project_log(project), *names))
        return (after, heads, tuple(self._code.newest(project).items()))

    def known(self, project: str, *, environment: str | None, flag: str | None = None) -> Iterator[Known]:
        """Yield what is known of each flag that is not archived, or of *flag* only, in the order of their keys.

        Environments that are marked as production count; in a project that has none, all; or only *environment*.
        Raises `NotFound` for the project and the environment.
        """
        read = self._read(project, environment, flag)
        heard = [self._heard(project, each, read.stale_after, flag) for each in read.states]
        evaluated = self._evaluated(project, read, heard, flag)
        code = self._scanned(project, flag)
        for defined in read.definitions:
            if defined.archived:
                continue
            key = defined.key
            evidence = Evidence(
                flag=defined,
                environments=[each for one in heard if (each := one.of(key)) is not None],
                evaluated=evaluated.get(key),
                is_required=key in read.required,
                code=code,
            )
            yield Known(evidence, tuple(sorted(read.required.get(key, ()))))

    def _read(self, project: str, environment: str | None, flag: str | None) -> _Read:
        with self._log.reading() as reading:
            found = find_project(reading, project)
            every = environments(reading, project)
            judging = _judging(project, every, environment)
            states = [_State(name.environment, self._flags_of(reading, name, flag)) for name in judging]
            return _Read(
                self._definitions(reading, project, flag),
                [each.key for each in every],
                states,
                self._required(reading, judging, states, flag),
                found.stale_after,
            )

    def _definitions(self, reading: Reading, project: str, flag: str | None) -> Sequence[Defined]:
        if flag is None:
            return self._defined.entries(reading, project_log(project))
        stored = reading.item(project_log(project), "definition", flag)
        return () if stored is None else (_DEFINED.decode(stored.text),)

    def _flags_of(self, reading: Reading, name: EnvironmentName, flag: str | None) -> Mapping[str, Served]:
        if flag is None:
            return self._served.by_key(reading, name.log)
        stored = reading.item(name.log, "flag", flag)
        times = reading.times(name.log, "flag", key=flag)
        return {} if stored is None else {flag: _dated(_SERVED.decode(stored.text), times[flag])}

    def _heard(self, project: str, state: _State, after: StaleAfter, flag: str | None) -> _Heard:
        name = f"{project}/{state.environment}"
        by_flag: dict[str, list[EvaluationSpan]] = defaultdict(list)
        for span in self._counts.spans(name, flag=flag):
            by_flag[span.flag].append(span)
        since = self._clock.now() - datetime.timedelta(days=max(msgspec.structs.astuple(after)) + 1)
        reports = Reports(self._counts.first_hour(name), self._counts.days_reported(name, since=since))
        return _Heard(state, by_flag, reports)

    def _evaluated(self, project: str, read: _Read, heard: Sequence[_Heard], flag: str | None) -> Mapping[str, int]:
        """Return when each flag was evaluated last, in any environment."""
        found: dict[str, int] = {}
        for span in chain.from_iterable(spans for one in heard for spans in one.spans.values()):
            if span.last > found.get(span.flag, 0):
                found[span.flag] = span.last
        others = set(read.environments) - {each.environment for each in read.states}
        for last in (self._counts.last_hours(f"{project}/{name}", flag=flag) for name in sorted(others)):
            found |= {key: max(hour, found.get(key, 0)) for key, hour in last.items()}
        return found

    def _scanned(self, project: str, flag: str | None) -> Code | None:
        if not (newest := self._code.newest(project)):
            return None
        return Code(tuple(newest), self._code.flags(project, flag=flag), min(newest.values()))

    def _required(
        self, reading: Reading, judging: Sequence[EnvironmentName], states: Sequence[_State], flag: str | None
    ) -> Mapping[str, set[str]]:
        """Return, of each flag that others ask for, or of *flag* only, which do."""
        if flag is not None:
            found = {key for name in judging for _, key in self._flags.users(reading, name, ("flag", flag))}
            return {flag: found} if found else {}
        required: dict[str, set[str]] = defaultdict(set)
        for key, served in chain.from_iterable(state.flags.items() for state in states):
            for asked in served.prerequisites:
                required[asked.flag].add(key)
        for each in (each for name in judging for each in self._asking.entries(reading, name.log)):
            for kind, key in each.used:
                if kind == "flag":
                    required[key].add(each.name[1])
        return required


def _judging(project: str, every: Sequence[Environment], asked: str | None) -> list[EnvironmentName]:
    if asked is not None and all(each.key != asked for each in every):
        raise NotFound("environment", f"{project}/{asked}")
    chosen = [each for each in every if each.key == asked or (asked is None and each.production)]
    return [EnvironmentName(project, each.key) for each in chosen or every]


def _dated(served: Served, time: datetime.datetime) -> Served:
    return msgspec.structs.replace(served, since=time)
