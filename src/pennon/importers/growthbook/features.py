"""A GrowthBook file as a plan: each feature a flag, exact, exact with conditions, or not to be carried."""

from typing import NamedTuple

from msgspec import UNSET

from pennon.importers.growthbook.conditions import Carrier
from pennon.importers.growthbook.document import Document, Feature, has_buckets_by_id, shared_experiments
from pennon.importers.growthbook.experiments import write_experiment
from pennon.importers.growthbook.groups import Groups
from pennon.importers.growthbook.parents import Rings
from pennon.importers.growthbook.rules import Answer, Surroundings, Writing
from pennon.importers.growthbook.sticky import StickyBuckets
from pennon.importers.growthbook.vendor import VENDOR, Impossible
from pennon.importers.plan import Fidelity, Note, Plan, PlannedFlag
from pennon.model import Flag, Serve, pointer
from pennon.model.validation import flag_problems


class _Planned(NamedTuple):
    flag: PlannedFlag
    answer: Answer | None


class Planning:
    """Plans the features of one file, each once, those that others need before them."""

    def __init__(self, document: Document, dialect: str, sticky: StickyBuckets) -> None:
        self._document = document
        self._groups = Groups(document.groups)
        self._carrier = Carrier(self._groups, dialect)
        self._around = Surroundings(
            self._carrier,
            Rings(document.features),
            document.bandits,
            sticky,
            shared=shared_experiments(document),
            loads_id=has_buckets_by_id(document),
            answers=self._answers,
        )
        self._planned: dict[str, _Planned] = {}

    def plan(self) -> Plan:
        """Return the plan of the whole file."""
        for key in self._around.rings.order:
            self._of(key)
        flags = tuple(self._planned[key].flag for key in sorted(self._planned))
        segments = self._carrier.segments()
        unused = (Note(pointer("savedGroups", key), "no feature asks for it") for key in self._groups.unused())
        return Plan(
            vendor=VENDOR,
            dialect=self._carrier.compat.dialect,
            flags=flags,
            segments=segments,
            notes=(*self._document.notes, *_SETTINGS, *unused),
        )

    def _answers(self, key: str) -> Answer | None:
        """Return what another feature may answer, None for one that there is not. Raises `Impossible`."""
        if key not in self._document.features:
            return None
        planned = self._of(key)
        if planned.answer is None:
            raise Impossible("", f"it needs {key!r}, which cannot be carried")
        return planned.answer

    def _of(self, key: str) -> _Planned:
        found = self._planned.get(key)
        if found is None:
            try:
                found = self._carried(key, self._document.features[key])
            except Impossible as impossible:
                found = _impossible(key, impossible.note)
            except RecursionError:
                found = _impossible(key, Note("", "its conditions, or the saved groups that they need, are too deep"))
            self._planned[key] = found
        return found

    def _carried(self, key: str, feature: Feature) -> _Planned:
        writing = Writing(key, feature, self._around)
        for index, rule in enumerate(feature.rules or []):
            is_forced = rule.force is not UNSET and (writing.is_javascript or rule.force is not None)
            scope = writing.scope(index, rule)
            if scope is not None and is_forced:
                writing.force(scope)
            elif scope is not None:
                write_experiment(writing, scope)
        flag = self._flag(key, writing)
        notes = tuple(dict.fromkeys((*writing.notes, *self._document.unread.get(key, ()))))
        fidelity = Fidelity.CONDITIONAL if notes else Fidelity.EXACT
        planned = PlannedFlag(key=key, source=key, fidelity=fidelity, notes=notes, flag=flag)
        values = {variation.key: variation.value for variation in flag.variations}
        return _Planned(planned, Answer(values, writing.cyclic, is_exact=not notes, deep=writing.deep))

    def _flag(self, key: str, writing: Writing) -> Flag:
        kinds = writing.values.kinds()
        if len(kinds) > 1:
            raise Impossible("", f"its values are of several kinds ({', '.join(kinds)}), and a flag has one")
        flag = Flag(
            key=key,
            variations=writing.values.variations(),
            on=True,
            fallthrough=Serve(writing.default),
            kind=kinds[0],
            salt=key,
            rules=tuple(writing.rules),
            compat=self._carrier.compat,
        )
        for problem in flag_problems(flag):
            raise Impossible("", str(problem))
        for rule in flag.rules:
            for condition in rule.conditions:
                self._carrier.check(condition, flag)
        return flag


def _impossible(key: str, note: Note) -> _Planned:
    said = note if note.path else Note(pointer("features", key), note.message)
    return _Planned(PlannedFlag(key=key, source=key, fidelity=Fidelity.IMPOSSIBLE, notes=(said,)), None)


_SETTINGS = (
    Note(
        "", "what programs set in the SDK is not in the file: forced features and variations, overrides, QA mode, URLs"
    ),
)
