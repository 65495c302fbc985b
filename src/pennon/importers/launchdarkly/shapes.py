"""LaunchDarkly's flags and segments as its SDKs receive them. Null is as good as not there."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pennon.importers.plan import Note
from pennon.model import Json, Problem
from pennon.model.problems import DECODE_ERRORS, decoding_problem, pointer


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base of all parts."""


class Clause(Part, frozen=True):
    """One test within a rule."""

    op: str
    values: list[Json]
    attribute: str | None = None
    context_kind: str | None = None
    negate: bool | None = None


class Weighted(Part, frozen=True):
    """A variation's share of a rollout, out of 100000."""

    variation: int
    weight: int
    untracked: bool | None = None


class Rollout(Part, frozen=True):
    """A choice by percentage."""

    variations: list[Weighted]
    kind: str | None = None
    context_kind: str | None = None
    bucket_by: str | None = None
    seed: int | None = None
    experiment_allocation: Json = None


class Served(Part, frozen=True):
    """What the fallthrough serves."""

    variation: int | None = None
    rollout: Rollout | None = None


class Rule(Part, frozen=True):
    """A rule of a flag, and what it serves."""

    clauses: list[Clause]
    id: str | None = None
    variation: int | None = None
    rollout: Rollout | None = None
    track_events: bool | None = None


class Prerequisite(Part, frozen=True):
    """The variation that another flag must serve."""

    key: str
    variation: int


class Target(Part, frozen=True):
    """Keys that are served a variation."""

    variation: int
    values: list[str]
    context_kind: str | None = None


class Availability(Part, frozen=True):
    """Which SDKs beside those of servers may read the flag."""

    using_mobile_key: bool | None = None
    using_environment_id: bool | None = None


class VendorFlag(Part, frozen=True):
    """A flag."""

    key: str
    version: int | None = None
    on: bool | None = None
    variations: list[Json] | None = None
    off_variation: int | None = None
    fallthrough: Served | None = None
    prerequisites: list[Prerequisite] | None = None
    targets: list[Target] | None = None
    context_targets: list[Target] | None = None
    rules: list[Rule] | None = None
    salt: str | None = None
    client_side_availability: Availability | None = None
    client_side: bool | None = None
    deleted: bool | None = None
    track_events: bool | None = None
    track_events_fallthrough: bool | None = None
    debug_events_until_date: int | float | None = None
    sampling_ratio: int | None = None
    exclude_from_summaries: bool | None = None
    migration: Json = None


class SegmentTarget(Part, frozen=True):
    """Keys of one kind."""

    values: list[str]
    context_kind: str | None = None


class SegmentRule(Part, frozen=True):
    """A rule of a segment, and the share of those who meet it."""

    clauses: list[Clause]
    id: str | None = None
    weight: int | None = None
    bucket_by: str | None = None
    rollout_context_kind: str | None = None


class VendorSegment(Part, frozen=True):
    """A segment."""

    key: str
    version: int | None = None
    included: list[str] | None = None
    excluded: list[str] | None = None
    included_contexts: list[SegmentTarget] | None = None
    excluded_contexts: list[SegmentTarget] | None = None
    rules: list[SegmentRule] | None = None
    salt: str | None = None
    unbounded: bool | None = None
    unbounded_context_kind: str | None = None
    generation: int | None = None
    deleted: bool | None = None


_WITHIN: Mapping[tuple[type[Part], str], type[Part]] = {
    (VendorFlag, "fallthrough"): Served,
    (VendorFlag, "prerequisites"): Prerequisite,
    (VendorFlag, "targets"): Target,
    (VendorFlag, "contextTargets"): Target,
    (VendorFlag, "rules"): Rule,
    (VendorFlag, "clientSideAvailability"): Availability,
    (Served, "rollout"): Rollout,
    (Rule, "rollout"): Rollout,
    (Rule, "clauses"): Clause,
    (Rollout, "variations"): Weighted,
    (VendorSegment, "includedContexts"): SegmentTarget,
    (VendorSegment, "excludedContexts"): SegmentTarget,
    (VendorSegment, "rules"): SegmentRule,
    (SegmentRule, "clauses"): Clause,
}

P = TypeVar("P", VendorFlag, VendorSegment)


def read(value: Json, shape: type[P], path: str) -> P | Problem:
    """Return *value* in its shape, or what is wrong with it, with the path below *path*."""
    try:
        return msgspec.convert(value, shape)
    except DECODE_ERRORS as error:
        return decoding_problem(error, path)


def unread(value: Json, shape: type[Part], path: str) -> Iterator[Note]:
    """Yield a note for each member that LaunchDarkly's SDKs of the pinned releases do not read."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from unread(element, shape, path + pointer(index))
        return
    if not isinstance(value, dict):
        return
    known = _names(shape)
    for name, inner in value.items():
        if name not in known:
            yield Note(path + pointer(name), f"{name} is not read by LaunchDarkly's SDKs, and is left out")
        elif (within := _WITHIN.get((shape, name))) is not None:
            yield from unread(inner, within, path + pointer(name))


@functools.cache
def _names(shape: type[Part]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(shape))  # which reads annotations: dear


def items(value: list[Any] | None) -> list[Any]:
    """Return a list that may be missing."""
    return value or []
