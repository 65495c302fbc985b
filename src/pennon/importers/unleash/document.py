"""Reads Unleash's files: what its SDKs poll for, what they are streamed, and what its admin API exports.

A file is read whole or refused: truncated JSON, another vendor's or version's file, a field of a wrong type.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, TypeVar

import msgspec

from pennon.importers.plan import ImportRefused, Note
from pennon.importers.unleash.shapes import (
    Dependency,
    Export,
    ExportDependencies,
    ExportEnvironment,
    ExportTag,
    Feature,
    Part,
    Segment,
    Strategy,
)
from pennon.model import DECODE_ERRORS, Problem
from pennon.model.problems import decoding_problem, pointer
from pennon.model.repeats import repeated_members

VENDOR = "unleash"
VERSIONS = (1, 2)
"""Versions of the client API's answer that are known here."""
_T = TypeVar("_T", bound=Part)
_METADATA = frozenset({"query", "meta", "contextFields", "tagTypes", "links", "connections"})
"""Members of a file that say nothing about evaluation."""


class Placed(msgspec.Struct, frozen=True):
    """A feature, and where in the file it is."""

    path: str
    feature: Feature
    tags: tuple[str, ...] = ()


class State(msgspec.Struct, frozen=True):
    """All features and segments of a file, and what is to be said about the file as a whole."""

    features: Sequence[Placed]
    segments: Mapping[int, tuple[str, Segment]]
    notes: Sequence[Note] = ()
    unread: frozenset[int] = frozenset()
    """Segments that are named, but whose constraints the file does not have."""


def refused(*problems: Problem) -> ImportRefused:
    """Return the refusal of a file."""
    return ImportRefused(VENDOR, problems)


def read_state(data: bytes, environment: str | None = None) -> State:
    """Read a file. *environment* picks one of an export's. Raises `ImportRefused`."""
    try:
        document = msgspec.json.decode(data)
    except DECODE_ERRORS as error:
        raise refused(decoding_problem(error)) from None
    if repeated := repeated_members(data):
        raise refused(*repeated)
    if not isinstance(document, dict):
        raise refused(Problem("", "this is no object, as all of Unleash's files are", "save what its API answers"))
    if "featureStrategies" in document:
        return _checked(_export(document, environment))
    if "events" in document:
        return _checked(_delta(document))
    if "features" in document:
        return _checked(_client(document))
    raise refused(_strange(document))


def _strange(document: Mapping[str, Any]) -> Problem:
    mend = "save the answer of /api/client/features"
    if "toggles" in document:
        return Problem("/toggles", "this is what the front-end API answers: evaluated, without its rules", mend)
    if "flags" in document or "$flagd" in document:
        return Problem("/flags", "this looks like the file of another vendor: LaunchDarkly's or flagd's", mend)
    return Problem("", "this has neither features nor events nor featureStrategies: no file of Unleash's", mend)


def _client(document: dict[str, Any]) -> State:
    if not isinstance(document["features"], list):
        message = "features is no array: this looks like GrowthBook's file"
        raise refused(Problem("/features", message, "save the answer of /api/client/features"))
    version = document.get("version")
    if version not in VERSIONS or isinstance(version, bool):
        message = f"version {version!r} of the client API's answer is not known here"
        raise refused(Problem("/version", message, f"those that are: {', '.join(map(str, VERSIONS))}"))
    notes = list(_unknown(document, {"version", "features", "segments"} | _METADATA, ""))
    features = _features(document["features"], "/features", notes)
    return State(features, _segments(document.get("segments"), "/segments", notes), notes)


def _features(found: Any, path: str, notes: list[Note]) -> list[Placed]:
    return [Placed(at, _part(each, Feature, at, notes)) for at, each in _members(found, path)]


def _segments(found: Any, path: str, notes: list[Note]) -> dict[int, tuple[str, Segment]]:
    segments = {}
    for at, each in _members(found, path):
        segment = _part(each, Segment, at, notes)
        segments[segment.id] = at, segment
    return segments


def _delta(document: dict[str, Any]) -> State:
    """Apply events in their order, each of which replaces a whole feature or segment."""
    notes = list(_unknown(document, {"events"} | _METADATA, ""))
    features: dict[str, Placed] = {}
    segments: dict[int, tuple[str, Segment]] = {}
    events = list(_members(document["events"], "/events"))
    if events and events[0][1].get("type") != "hydration":
        notes.append(Note("/events/0", "it does not begin with a hydration: what it does not name is not imported"))
    for path, event in events:
        kind = event.get("type")
        if kind == "hydration":
            features = {each.feature.name: each for each in _features(event.get("features"), f"{path}/features", notes)}
            segments = _segments(event.get("segments"), f"{path}/segments", notes)
        elif kind == "feature-updated":
            feature = _part(event.get("feature"), Feature, f"{path}/feature", notes)
            features[feature.name] = Placed(f"{path}/feature", feature)
        elif kind == "segment-updated":
            segment = _part(event.get("segment"), Segment, f"{path}/segment", notes)
            segments[segment.id] = f"{path}/segment", segment
        elif kind == "feature-removed" and isinstance(event.get("featureName"), str):
            features.pop(event["featureName"], None)
        elif kind == "segment-removed" and isinstance(event.get("segmentId"), int):
            segments.pop(event["segmentId"], None)
        else:
            raise refused(Problem(f"{path}/type", f"an event of the type {kind!r}, whole, is not known here"))
    return State(list(features.values()), segments, notes)


_EXPORTED = frozenset(
    {"features", "featureStrategies", "featureEnvironments", "featureTags", "segments", "dependencies"}
)


def _export(document: dict[str, Any], environment: str | None) -> State:
    """Join an export's tables to features as the SDKs would receive them."""
    notes = list(_unknown(document, _EXPORTED | _METADATA, ""))
    environments = _environments(document, environment, notes)
    strategies: dict[str, list[Strategy]] = {}
    for path, each in _members(document["featureStrategies"], "/featureStrategies"):
        strategy = _part(each, Strategy, path, notes)
        if strategy.disabled:
            notes.append(Note(f"{path}/disabled", "a disabled strategy is not sent to SDKs, and not imported"))
        else:
            strategies.setdefault(strategy.feature_name or "", []).append(strategy)
    parents: dict[str, list[Dependency]] = {}
    for path, each in _members(document.get("dependencies"), "/dependencies"):
        found = _part(each, ExportDependencies, path, notes)
        parents.setdefault(found.feature, []).extend(found.dependencies)
    tags: dict[str, list[str]] = {}
    for path, each in _members(document.get("featureTags"), "/featureTags"):
        tag = _part(each, ExportTag, path, [])
        tags.setdefault(tag.feature_name, []).append(tag.tag_value)
    features = []
    for path, each in _members(document.get("features"), "/features"):
        exported = _part(each, Export, path, [])
        here = environments.get(exported.name)
        feature = Feature(
            name=exported.name,
            enabled=here is not None and here.enabled,
            strategies=sorted(strategies.get(exported.name, ()), key=lambda strategy: strategy.sort_order or 0),
            variants=None if here is None else here.variants,
            dependencies=parents.get(exported.name),
            description=exported.description,
            stale=exported.stale,
            impression_data=exported.impression_data,
        )
        features.append(Placed(path, feature, tuple(tags.get(exported.name, ()))))
    return _exported_state(document, features, notes)


def _exported_state(document: dict[str, Any], features: list[Placed], notes: list[Note]) -> State:
    found = list(_members(document.get("segments"), "/segments"))
    whole = [each for _, each in found if "constraints" in each]
    segments = _segments(whole, "/segments", notes)
    unread = frozenset(each["id"] for _, each in found if isinstance(each.get("id"), int)) - segments.keys()
    return State(features, segments, notes, unread)


def _environments(document: dict[str, Any], environment: str | None, notes: list[Note]) -> dict[str, ExportEnvironment]:
    found = [
        _part(each, ExportEnvironment, path, notes)
        for path, each in _members(document.get("featureEnvironments"), "/featureEnvironments")
    ]
    names = sorted({each.environment for each in found if each.environment is not None})
    if environment is None and len(names) > 1:
        message = f"it has the environments {', '.join(names)}"
        raise refused(Problem("/featureEnvironments", message, "name one of them: the option environment"))
    if environment is not None and environment not in names:
        raise refused(Problem("/featureEnvironments", f"it has no environment {environment!r}", f"it has: {names}"))
    here = [each for each in found if environment is None or each.environment == environment]
    return {each.feature_name or each.name or "": each for each in here}


def _members(found: Any, path: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the objects of an array, none for null, each with its path."""
    if found is None:
        return
    if not isinstance(found, list):
        raise refused(Problem(path, "this is no array"))
    for index, each in enumerate(found):
        at = path + pointer(index)
        if not isinstance(each, dict):
            raise refused(Problem(at, "this is no object"))
        yield at, each


def _part(found: Any, kind: type[_T], path: str, notes: list[Note]) -> _T:
    try:
        part = msgspec.convert(found, kind)
    except DECODE_ERRORS as error:
        named = found.get("name") if isinstance(found, dict) else None
        problem = decoding_problem(error, path)
        message = problem.message if named is None else f"of {named!r}: {problem.message}"
        raise refused(Problem(problem.path, message, problem.mend)) from None
    notes += _strangers(found, kind, path)
    return part


_IGNORED = frozenset({"lastSeenAt", "createdAt", "archived", "archivedAt", "favorite", "environments", "project"})
"""Members that Unleash sends about a feature, not to evaluate it."""


def _strangers(found: Any, kind: type[Part], path: str) -> Iterable[Note]:
    """Yield a note for each member that is not known here, however deep."""
    yield from _unknown(found, _known(kind), path)
    for name, inner in _parts_of(kind).items():
        members = found.get(name)
        for index, member in enumerate(members if isinstance(members, list) else ()):
            yield from _strangers(member, inner, path + pointer(name, index))
        if isinstance(members, dict):
            yield from _strangers(members, inner, path + pointer(name))


@cache
def _known(kind: type[Part]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind)) | _IGNORED


@cache
def _parts_of(kind: type[Part]) -> dict[str, type[Part]]:
    """Return the members of *kind* that are parts themselves."""
    found: dict[str, type[Part]] = {}
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        for option in getattr(field.type, "types", (field.type,)):
            inner = getattr(option, "item_type", option)
            if isinstance(inner, msgspec.inspect.StructType):
                found[field.encode_name] = inner.cls  # type: ignore[assignment]  # they all are
    return found


def _unknown(found: Mapping[str, Any], known: AbstractSet[str], path: str) -> Iterable[Note]:
    for name in sorted(found.keys() - known):
        yield Note(path + pointer(name), "this member is not known here, and not carried")


def _checked(state: State) -> State:
    """Refuse what no importer could plan: two features of one name, a weight below zero."""
    names: dict[str, str] = {}
    for placed in state.features:
        name = placed.feature.name
        if name in names:
            message = f"the feature {name!r} is here and at {names[name]}"
            raise refused(Problem(placed.path + "/name", message, "leave one of them out"))
        names[name] = placed.path
        for path, variants in _variants_of(placed):
            for index, variant in enumerate(variants):
                if variant.weight < 0:
                    at = path + pointer(index, "weight")
                    raise refused(Problem(at, f"of {name!r}: a weight of {variant.weight} is below zero"))
    return state


def _variants_of(placed: Placed) -> Iterable[tuple[str, list[Any]]]:
    yield placed.path + "/variants", placed.feature.variants or []
    for index, strategy in enumerate(placed.feature.strategies or ()):
        yield placed.path + pointer("strategies", index, "variants"), strategy.variants or []
