"""Flags in a line: `flag("new-checkout").on().rule("on", country="DE").serving("off")`.

A builder never changes: each step returns another one. `build()` gives the model.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from pennon.model import (
    WEIGHT_TOTAL,
    Condition,
    Experiment,
    Exposures,
    Flag,
    FlagKind,
    Json,
    Prerequisite,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Split,
    Staleness,
    Target,
    Variation,
    Weight,
)

Served: TypeAlias = str | Mapping[str, float]
"""A variation, or percentages by variation."""

_ON_OFF = (Variation("on", True), Variation("off", False))  # the value of a variation


def flag(key: str) -> "FlagBuilder":
    """Return a boolean flag with the variations `on` and `off` that is turned off, and serves `on` when turned on."""
    start = Flag(key=key, variations=_ON_OFF, on=False, off_variation="off", fallthrough=Serve("on"), salt=key)
    return FlagBuilder(start)


def condition(attribute: str, op: str, *values: Json, negate: bool = False, ignore_case: bool = False) -> Condition:
    """Return a condition: `condition("appVersion", "versionGreaterOrEqual", "2.3.0")`.

    For `inSegment` and `exists` see the reference of conditions: the first takes no attribute, so pass `""`.
    """
    return Condition(op=op, attribute=attribute or None, values=values, negate=negate, ignore_case=ignore_case)


def segment(
    key: str, *conditions: Condition, included: Sequence[str] = (), excluded: Sequence[str] = (), **equal: Json
) -> Segment:
    """Return a segment of the keys in *included*, and of those who meet all *conditions* and *equal* attributes."""
    needed = _conditions(conditions, equal)
    rules = (SegmentRule(needed, id="r1"),) if needed else ()
    return Segment(key=key, salt=key, included=tuple(included), excluded=tuple(excluded), rules=rules)


class FlagBuilder:
    """A flag in the making. Equal to another one if they make the same flag."""

    def __init__(self, model: Flag) -> None:
        self._flag = model

    def __repr__(self) -> str:
        return f"FlagBuilder({self._flag!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlagBuilder) and self._flag == other._flag

    __hash__ = None  # type: ignore[assignment]  # values may be dicts

    def build(self) -> Flag:
        """Return the flag."""
        return self._flag

    def on(self) -> "FlagBuilder":
        """Turn the flag on."""
        return self._with(on=True)

    def off(self, variation: str | None = None) -> "FlagBuilder":
        """Turn the flag off; it then serves *variation*, its off variation unless told."""
        return self._with(on=False, off_variation=variation or self._flag.off_variation)

    def variations(self, **values: Json) -> "FlagBuilder":
        """Give the flag these variations; the first one is served when it is on, the last one when it is off."""
        names = list(values)
        return self._with(
            kind=_kind(next(iter(values.values()))),
            variations=tuple(Variation(name, value) for name, value in values.items()),
            fallthrough=Serve(names[0]),
            off_variation=names[-1],
        )

    def value(self, value: Json) -> "FlagBuilder":
        """Turn the flag on and let it serve *value* to everybody."""
        if isinstance(value, bool):
            return self.on().serving("on" if value else "off")
        return self.variations(value=value).on()

    def serving(self, serve: Served) -> "FlagBuilder":
        """Let the flag serve this, a variation or percentages, where no target and no rule says otherwise."""
        return self._with(fallthrough=_serve(serve, self._flag.fallthrough.split))

    def split(self, by: str = "targetingKey", *, salt: str | None = None, **percent: float) -> "FlagBuilder":
        """Let the flag serve these percentages where no rule matches: `split(on=10, off=90)`."""
        return self._with(fallthrough=Serve(split=Split(_weights(percent), by=by, salt=salt)))

    def target(self, variation: str, *values: str, attribute: str = "targetingKey") -> "FlagBuilder":
        """Serve *variation* to whose *attribute* is one of *values*."""
        return self._with(targets=(*self._flag.targets, Target(values, variation, attribute)))

    def rule(self, serve: Served, *conditions: Condition, **equal: Json) -> "FlagBuilder":
        """Serve this to who meets all conditions: `rule("on", condition(…), country=["DE", "FR"], beta=True)`.

        Rules get the ids `r1`, `r2` and so on.
        """
        added = Rule(f"r{len(self._flag.rules) + 1}", _conditions(conditions, equal), _serve(serve, None))
        return self._with(rules=(*self._flag.rules, added))

    def prerequisite(self, key: str, *variations: str) -> "FlagBuilder":
        """Need another flag to serve one of *variations*, `on` unless told."""
        return self._with(prerequisites=(*self._flag.prerequisites, Prerequisite(key, variations or ("on",))))

    def experiment(self, key: str, *, layer: str | None = None, otherwise: str | None = None) -> "FlagBuilder":
        """Make the percentages that are served by default an experiment."""
        found = self._flag.fallthrough.split
        if found is None:
            raise ValueError("an experiment needs percentages: call split() before")
        return self._with(fallthrough=Serve(split=replace(found, experiment=Experiment(key, layer, otherwise))))

    def stale_after(self, age_s: float, *, serve: str) -> "FlagBuilder":
        """Serve this variation once the state is older than *age_s* seconds."""
        return self._with(staleness=Staleness(age_s, Serve(serve)))

    def exposing(self, exposures: Exposures) -> "FlagBuilder":
        """Report exposures of experiments only, of all, or of none."""
        return self._with(exposures=exposures)

    def client_side(self) -> "FlagBuilder":
        """Let browsers and apps see the flag."""
        return self._with(client_side=True)

    def _with(self, **fields: Any) -> "FlagBuilder":
        return FlagBuilder(replace(self._flag, **fields))


def _conditions(conditions: Sequence[Condition], equal: Mapping[str, Json]) -> tuple[Condition, ...]:
    named = (
        Condition(op="in", attribute=name, values=tuple(value) if isinstance(value, (list, tuple, set)) else (value,))
        for name, value in equal.items()
    )
    return (*conditions, *named)


def _serve(serve: Served, like: Split | None) -> Serve:
    if isinstance(serve, str):
        return Serve(serve)
    by = "targetingKey" if like is None else like.by
    return Serve(split=Split(_weights(serve), by=by))


def _weights(percent: Mapping[str, float]) -> tuple[Weight, ...]:
    weights = tuple(Weight(name, round(share * WEIGHT_TOTAL / 100)) for name, share in percent.items())
    if sum(weight.weight for weight in weights) != WEIGHT_TOTAL:
        raise ValueError(f"percentages must sum to 100, these sum to {sum(percent.values())}")
    return weights


def _kind(value: Json) -> FlagKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "object"
