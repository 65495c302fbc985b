"""A GrowthBook file as it is written: what its SDKs receive, checked for shape and for what is not known here."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from pennon.engine.dialects.growthbook.coercion import double
from pennon.importers.growthbook.operands import condition_problems
from pennon.importers.growthbook.vendor import VENDOR
from pennon.importers.plan import ImportRefused, Note
from pennon.importers.recognition import looks_like
from pennon.importers.vendors import VENDORS
from pennon.model import DECODE_ERRORS, Json, Problem, decoding_problem, pointer
from pennon.model.limits import SAFE_INTEGER
from pennon.model.repeats import repeated_members


class Filter(Struct):
    """Who may be in a rule, by a bucket of its own."""

    seed: str
    ranges: list[tuple[float, float]]
    attribute: str | None = None
    hash_version: float | UnsetType | None = msgspec.field(name="hashVersion", default=UNSET)


class Meta(Struct):
    """What an experiment says of a variation."""

    key: str | None = None
    name: str | None = None
    passthrough: bool | None = None


class Parent(Struct):
    """A prerequisite: another feature, and what must hold of its value."""

    id: str
    condition: dict[str, Json] | None = None
    gate: bool | None = None


class FeatureRule(Struct, rename="camel"):
    """One rule of a feature: it forces a value or is an experiment."""

    id: str | None = None
    condition: dict[str, Json] | None = None
    parent_conditions: list[Parent] | None = None
    filters: list[Filter] | None = None
    force: Json | UnsetType = UNSET
    coverage: float | UnsetType | None = UNSET
    range: tuple[float, float] | None = None
    hash_attribute: str | None = None
    hash_version: float | None = None
    seed: str | None = None
    tracks: list[Json] | None = None
    variations: list[Json] | None = None
    weights: list[float] | None = None
    key: str | None = None
    namespace: tuple[str, float, float] | None = None
    ranges: list[tuple[float, float]] | None = None
    meta: list[Meta] | None = None
    fallback_attribute: str | None = None
    disable_sticky_bucketing: bool | None = None
    bucket_version: int | None = None
    min_bucket_version: int | None = None
    name: str | None = None
    phase: str | int | None = None
    contextual_bandit_ref: str | None = None
    contextual_variations: list[Json] | None = None
    metadata: Json = None
    type: Json = None
    bandit_version: Json = None


class Feature(Struct, rename="camel"):
    """A feature: what it is by default, and the rules before."""

    default_value: Json = None
    rules: list[FeatureRule] | None = None
    metadata: Json = None


class Leaf(Struct, rename="camel"):
    """The weights that a contextual bandit gives to those whom its condition holds for."""

    leaf_id: int | None = None
    condition: dict[str, Json] | None = None
    weights: list[float] | None = None


class Bandit(Struct, rename="camel"):
    """A contextual bandit: its leaves in order."""

    contexts: list[Leaf] | None = None
    bandit_version: Json = None


class Document(Struct):
    """A file, read.

    `page_experiments` are those of pages, as they are written. `notes` are on what no flag depends on; `unread` has, by
    feature, what the SDKs do not read.
    """

    features: dict[str, Feature]
    groups: dict[str, Json]
    bandits: dict[str, Bandit]
    page_experiments: list[Json]
    notes: list[Note]
    unread: dict[str, list[Note]]


_ENCRYPTED = ("encryptedFeatures", "encryptedExperiments", "encryptedSavedGroups", "encryptedContextualBandits")
_TOP = frozenset({"status", "features", "dateUpdated", "experiments", "savedGroups", "contextualBandits"})


def read(data: bytes, known: frozenset[str], *, exact_integers: bool = False) -> Document:
    """Read a file. *known* are the operators of the dialect. Raises `ImportRefused`.

    Integers beyond 2^53 become the doubles that JavaScript reads; *exact_integers*: only those that are such a double.
    """
    try:
        whole = msgspec.json.decode(data)
    except DECODE_ERRORS as error:
        raise ImportRefused(VENDOR, [_not_json(data, error)]) from error
    if repeated := repeated_members(data):
        raise ImportRefused(VENDOR, repeated)
    if not isinstance(whole, dict):
        raise ImportRefused(VENDOR, [Problem("", "the file is no JSON object", _EXPECTED)])
    if (problem := _other_file(whole, data)) is not None:
        raise ImportRefused(VENDOR, [problem])
    whole = _with_doubles(whole, exact=exact_integers)
    problems: list[Problem] = []
    document = Document(
        features=_each(whole, "features", Feature, problems),
        groups=_groups(whole.get("savedGroups"), problems),
        bandits=_each(whole, "contextualBandits", Bandit, problems),
        page_experiments=whole["experiments"] if isinstance(whole.get("experiments"), list) else [],
        notes=list(_file_notes(whole)),
        unread={key: notes for key, raw in whole["features"].items() if (notes := list(_unread(key, raw)))},
    )
    problems += _operator_problems(document, known)
    if problems:
        raise ImportRefused(VENDOR, problems)
    return document


_EXPECTED = 'give what an SDK connection answers: {"features": {…}, "savedGroups": {…}}'


def _not_json(data: bytes, error: Exception) -> Problem:
    problem = decoding_problem(error)
    is_cut = data.lstrip()[:1] == b"{" and not data.rstrip().endswith(b"}")
    return Problem(problem.path, f"not JSON: {problem.message}", "the file is cut off" if is_cut else _EXPECTED)


def _with_doubles(value: Json, *, exact: bool) -> Json:
    if isinstance(value, dict):
        return {key: _with_doubles(inner, exact=exact) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_doubles(inner, exact=exact) for inner in value]
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        nearest = float(double(value))
        return value if exact and nearest != value else nearest
    return value


def _other_file(whole: dict[str, Json], data: bytes) -> Problem | None:
    if any(whole.get(name) for name in _ENCRYPTED):
        path = pointer(next(name for name in _ENCRYPTED if whole.get(name)))
        return Problem(path, "it is encrypted, and no library for AES is here", _DECRYPT)
    features = whole.get("features")
    if isinstance(features, dict):
        return None
    vendor = looks_like(data)
    if vendor is not None and vendor != VENDOR:
        return Problem("", f"this looks like a file of {VENDORS.get(vendor, 'Pennon')}", _EXPECTED)
    if features is None:
        return Problem("/features", "there are no features: this is no GrowthBook file", _EXPECTED)
    return Problem(
        "/features", "it is no object of features: this looks like an answer of GrowthBook's admin API", _EXPECTED
    )


_DECRYPT = (
    "ask an SDK connection that does not encrypt; or decrypt it (AES-128-CBC, IV and text in base64 with a dot between)"
    " with openssl enc -d -aes-128-cbc, and put the text in its place"
)


def _each(whole: dict[str, Json], member: str, kind: type[Any], problems: list[Problem]) -> dict[str, Any]:
    """Read the members of one object of the file, noting a problem for each that cannot be read."""
    found: dict[str, Any] = {}
    given = whole.get(member)
    if given is not None and not isinstance(given, dict):
        problems.append(Problem(pointer(member), "it is no object", _EXPECTED))
        return found
    for key, raw in (given or {}).items():
        try:
            found[key] = msgspec.convert(raw, kind)
        except msgspec.ValidationError as error:
            problems.append(decoding_problem(error, pointer(member, key)))
    return found


def _groups(given: Json, problems: list[Problem]) -> dict[str, Json]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        problems.append(Problem("/savedGroups", "it is no object of saved groups", _EXPECTED))
        return {}
    for key, entry in given.items():
        if (message := _group_problem(entry)) is not None:
            problems.append(Problem(pointer("savedGroups", key), message, "update Pennon, or mend the group"))
    return given


def _group_problem(entry: Json) -> str | None:
    if isinstance(entry, list):
        return None
    if not isinstance(entry, dict):
        return "it is neither a list nor an object"
    kind = entry.get("type")
    if kind == "list":
        if not isinstance(entry.get("values"), list) or not isinstance(entry.get("attributeKey"), str):
            return "a group of the type list has attributeKey and values"
    elif kind != "condition":
        return f"the type {kind!r:.40} is not known here"
    elif not isinstance(entry.get("condition"), dict):
        return "a group of the type condition has a condition"
    return None


def _operator_problems(document: Document, known: frozenset[str]) -> Iterator[Problem]:
    for path, condition in conditions_of(document):
        yield from (problem.under(path) for problem in condition_problems(condition, known))


def conditions_of(document: Document) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield every condition of a file with the pointer to it."""
    for key, feature in document.features.items():
        for index, rule in enumerate(feature.rules or []):
            here = pointer("features", key, "rules", index)
            if rule.condition:
                yield here + "/condition", rule.condition
            for place, parent in enumerate(rule.parent_conditions or []):
                if parent.condition:
                    yield here + pointer("parentConditions", place, "condition"), parent.condition
    for key, entry in document.groups.items():
        if isinstance(entry, dict) and isinstance(entry.get("condition"), dict) and entry.get("type") == "condition":
            yield pointer("savedGroups", key, "condition"), entry["condition"]
    for key, bandit in document.bandits.items():
        for place, leaf in enumerate(bandit.contexts or []):
            if leaf.condition:
                yield pointer("contextualBandits", key, "contexts", place, "condition"), leaf.condition


def has_buckets_by_id(document: Document) -> bool:
    """Tell whether the JavaScript SDK loads sticky buckets of the attribute `id`: it does if an experiment has it."""
    rules = (rule for feature in document.features.values() for rule in feature.rules or [] if _is_experiment(rule))
    pages = (page.get("hashAttribute") for page in document.page_experiments if isinstance(page, dict))
    return any(not name or name == "id" for name in (*(rule.hash_attribute for rule in rules), *pages))


def _is_experiment(rule: FeatureRule) -> bool:
    return rule.variations is not None or rule.contextual_variations is not None


def shared_experiments(document: Document) -> frozenset[str]:
    """Return the keys of experiments that several rules have."""
    keys = Counter(
        rule.key or key
        for key, feature in document.features.items()
        for rule in feature.rules or []
        if _is_experiment(rule)
    )
    return frozenset(key for key, count in keys.items() if count > 1)


def _file_notes(whole: dict[str, Json]) -> Iterator[Note]:
    if whole.get("experiments"):
        yield Note(
            "/experiments",
            "experiments of the visual editor and of redirects change pages, not flags: left with GrowthBook",
        )
    for name in sorted(whole.keys() - _TOP - set(_ENCRYPTED)):
        yield Note(pointer(name), "the SDKs do not read it")


_FEATURE_MEMBERS = frozenset(field.encode_name for field in msgspec.structs.fields(Feature))
_RULE_MEMBERS = frozenset(field.encode_name for field in msgspec.structs.fields(FeatureRule))


def _unread(key: str, raw: Json) -> Iterator[Note]:
    """Yield a note on each member of a feature that the SDKs, as they are known here, do not read."""
    if not isinstance(raw, dict):
        return
    for name in sorted(raw.keys() - _FEATURE_MEMBERS):
        yield Note(pointer("features", key, name), _NOT_READ)
    rules = raw.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        for name in sorted(rule.keys() - _RULE_MEMBERS) if isinstance(rule, dict) else ():
            yield Note(pointer("features", key, "rules", index, name), _NOT_READ)


_NOT_READ = "the SDK that the dialect stands for does not read it; a newer one may"
