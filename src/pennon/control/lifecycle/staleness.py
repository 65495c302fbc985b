"""What tells that a flag is no longer needed, with the evidence. Pure: time is an argument.

Nothing is claimed without evidence. A flag that somebody changed lately is not stale, whatever its counts say; an
environment from which hardly anything is reported tells nothing; and repositories that were scanned before the flag
was what it is do not tell that it is nowhere.
"""

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from pennon.control.flags.definitions import Lifetime
from pennon.control.lifecycle.counts import EvaluationSpan
from pennon.control.projects.views import StaleAfter
from pennon.model.flags import Wire

ReasonName: TypeAlias = Literal["pastRemoval", "fullyRolledOut", "oneVariation", "noEvaluations", "notInCode"]
_DAY_S = 24 * 60 * 60
_HOUR = datetime.timedelta(hours=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class StaleReason(Wire, frozen=True, kw_only=True):
    """Why a flag may go. `since` is when it began; what else is said depends on the reason.

    `variation` is the one that all get, in `environments`. `repositories` were scanned and do not hold the flag.
    """

    reason: ReasonName
    since: datetime.datetime | None = None
    variation: str | None = None
    environments: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()


class _Weight(msgspec.Struct, frozen=True, gc=False):
    variation: str
    weight: int


class _Split(msgspec.Struct, frozen=True, gc=False):
    weights: tuple[_Weight, ...] = ()
    experiment: Any = None


class _Serve(msgspec.Struct, frozen=True, gc=False):
    variation: str | None = None
    split: _Split | None = None

    def variations(self) -> Iterator[str | None]:
        """Yield what it may serve. None: something that is not known here."""
        if self.split is None:
            yield self.variation
        elif self.split.experiment is not None:
            yield None
        else:
            yield from (each.variation for each in self.split.weights if each.weight)


class _Serving(msgspec.Struct, frozen=True, gc=False):
    """Anything that names what it serves: a rule, a target."""

    serve: _Serve = _Serve()
    variation: str | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Which flag is a prerequisite."""

    flag: str


class Served(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """So much of a flag as tells what it serves, and since when. Ten thousand of them are read at once."""

    since: datetime.datetime = _EPOCH
    on: bool = False
    fallthrough: _Serve = _Serve()
    off_variation: str | None = None
    rules: tuple[_Serving, ...] = ()
    targets: tuple[_Serving, ...] = ()
    prerequisites: tuple[Asked, ...] = ()

    @property
    def sole_variation(self) -> str | None:
        """The variation that everybody gets, by rules, names and all. None: there are several, or it is off."""
        if not self.on:
            return None
        found = set(self.fallthrough.variations())
        for rule in self.rules:
            found.update(rule.serve.variations())
        found.update(target.variation for target in self.targets)
        if self.prerequisites:
            found.add(self.off_variation)
        return found.pop() if len(found) == 1 else None


class Defined(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """So much of a definition as staleness asks for."""

    key: str
    owner: str = ""
    lifetime: Lifetime = "temporary"
    expected_removal: datetime.date | None = None
    archived: bool = False


class Reports(msgspec.Struct, frozen=True):
    """What an environment's SDKs reported: the hour of the first report, and days (from 1970) with any."""

    first: int | None = None
    days: Sequence[int] = ()

    def prove(self, days: int, now: datetime.datetime) -> bool:
        """Return whether there is evidence of the last *days*: there was any before, and on half of them."""
        today = int(now.timestamp()) // _DAY_S
        if self.first is None or self.first > (today - days) * _DAY_S + _DAY_S:
            return False
        return 2 * sum(today - days < day <= today for day in self.days) >= days


class InEnvironment(msgspec.Struct, frozen=True, gc=False):
    """A flag in an environment: what it serves, and what was evaluated."""

    environment: str
    served: Served
    spans: Sequence[EvaluationSpan]
    reports: Reports


class Code(msgspec.Struct, frozen=True):
    """What the newest scan of each repository found. `oldest` is when the one was made that is longest ago."""

    repositories: tuple[str, ...]
    flags: Collection[str]
    oldest: datetime.datetime


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that is known of a flag. `evaluated` is its last evaluation in any environment, the others of which are not
    among `environments`; `is_required`: it is another flag's prerequisite, for which no code asks.
    """

    flag: Defined
    environments: Sequence[InEnvironment]
    evaluated: int | None = None
    is_required: bool = False
    code: Code | None = None


def stale_reasons(evidence: Evidence, after: StaleAfter, now: datetime.datetime) -> tuple[StaleReason, ...]:
    """Return why the flag is stale, in the order of `ReasonName`; nothing where nothing proves that it is."""
    if evidence.flag.archived:
        return ()
    found = (
        _past_removal(evidence.flag.expected_removal, now),
        _fully_rolled_out(evidence, after.fully_rolled_out, now),
        _one_variation(evidence, after.one_variation, now),
        _no_evaluations(evidence, after.no_evaluations, now),
        _not_in_code(evidence, after.not_in_code, now),
    )
    return tuple(reason for reason in found if reason is not None)


def variation_to_keep(reasons: Collection[StaleReason]) -> str | None:
    """Return which variation the code goes on with when the flag is taken out of it, where the reasons tell."""
    return next((reason.variation for reason in reasons if reason.variation is not None), None)


def _past_removal(date: datetime.date | None, now: datetime.datetime) -> StaleReason | None:
    if date is None or date >= now.astimezone(datetime.UTC).date():
        return None
    since = datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.UTC)
    return StaleReason(reason="pastRemoval", since=since)


def _fully_rolled_out(evidence: Evidence, days: int, now: datetime.datetime) -> StaleReason | None:
    if evidence.flag.lifetime != "temporary" or not _is_settled(evidence, days, now):
        return None
    variations = {each.served.sole_variation for each in evidence.environments}
    if len(variations) != 1 or (variation := variations.pop()) is None:
        return None
    since = max(each.served.since for each in evidence.environments)
    return StaleReason(reason="fullyRolledOut", since=since, variation=variation, environments=_names(evidence))


def _one_variation(evidence: Evidence, days: int, now: datetime.datetime) -> StaleReason | None:
    if evidence.flag.lifetime != "temporary" or not _is_settled(evidence, days, now):
        return None
    start = int((now - datetime.timedelta(days=days)).timestamp())
    found: dict[str | None, int] = {}
    where = []
    for each in evidence.environments:
        lately = {span.variation for span in each.spans if span.last >= start}
        if not lately:
            continue
        where.append(each.environment)
        if len(lately) > 1 or min(span.first for span in each.spans) > start or not each.reports.prove(days, now):
            return None
        variation = lately.pop()
        others = (span.last for span in each.spans if span.variation != variation)
        began = max(others, default=min(span.first for span in each.spans))
        found[variation] = max(found.get(variation, began), began)
    if len(found) != 1 or None in found:
        return None
    ((variation, began),) = found.items()
    return StaleReason(reason="oneVariation", since=_moment(began), variation=variation, environments=tuple(where))


def _no_evaluations(evidence: Evidence, days: int, now: datetime.datetime) -> StaleReason | None:
    start = int((now - datetime.timedelta(days=days)).timestamp())
    last = evidence.evaluated
    if evidence.is_required or (last is not None and last >= start) or not _is_settled(evidence, days, now):
        return None
    telling = tuple(each.environment for each in evidence.environments if each.reports.prove(days, now))
    if not telling:
        return None
    changed = max(each.served.since for each in evidence.environments)
    since = changed if last is None else max(changed, _moment(last) + _HOUR)
    return StaleReason(reason="noEvaluations", since=since, environments=telling)


def _not_in_code(evidence: Evidence, days: int, now: datetime.datetime) -> StaleReason | None:
    code = evidence.code
    if code is None or evidence.is_required or evidence.flag.key in code.flags:
        return None
    if not _is_settled(evidence, days, now) or any(each.served.since > code.oldest for each in evidence.environments):
        return None
    return StaleReason(reason="notInCode", since=code.oldest, repositories=code.repositories)


def _is_settled(evidence: Evidence, days: int, now: datetime.datetime) -> bool:
    """Return whether nobody changed it in the last *days*: neither is it new, nor did anybody just look after it."""
    start = now - datetime.timedelta(days=days)
    return bool(evidence.environments) and all(each.served.since <= start for each in evidence.environments)


def _names(evidence: Evidence) -> tuple[str, ...]:
    return tuple(each.environment for each in evidence.environments)


def _moment(hour: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(seconds=hour)
