"""Maps a browser's feature studies to flags.

A study has arms with weights and a filter; studies of one name exclude each other. So a name becomes a flag, each of
its studies a rule in their order, its filter the rule's conditions, its arms a split. A browser that no study wants
gets the variation `not-enrolled`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pennon.model import Condition, Flag, Json, Rule, Serve, Split, Variation, Weight

NOT_ENROLLED = "not-enrolled"
_LISTS = {"channel": "channel", "platform": "platform", "country": "country", "form_factor": "formFactor"}
_ALLOWED_UNDER = {"NONE": ("NONE",), "CRITICAL": ("NONE", "CRITICAL")}
_NO_KEY = re.compile(r"[^A-Za-z0-9._-]")

Study = Mapping[str, Any]


def flag_key(name: str) -> str:
    """Return the flag key of the studies called *name*."""
    return _NO_KEY.sub("-", name)


def flags_of(studies: Sequence[Study]) -> Iterator[Flag]:
    """Yield a flag for each name among *studies*, the studies of one file."""
    for name in dict.fromkeys(study["name"] for study in studies):
        yield flag_of(name, [study for study in studies if study["name"] == name])


def flag_of(name: str, studies: Sequence[Study]) -> Flag:
    """Return the flag of the studies called *name*, in their order."""
    variations = {NOT_ENROLLED: Variation(NOT_ENROLLED, {})}
    rules = tuple(_rule(f"study-{index}", study, variations) for index, study in enumerate(studies, 1))
    return Flag(
        key=flag_key(name),
        kind="object",
        variations=tuple(variations.values()),
        on=True,
        salt=_NO_KEY.sub("-", name).replace(".", "-")[:64],
        rules=rules,
        fallthrough=Serve(NOT_ENROLLED),
        off_variation=NOT_ENROLLED,
    )


def _rule(identifier: str, study: Study, variations: dict[str, Variation]) -> Rule:
    shares: dict[str, int] = {}
    for arm in study["experiment"]:
        key = _variation_key(arm, variations)
        shares[key] = shares.get(key, 0) + arm.get("probability_weight", 0)
    total = sum(shares.values())
    weights = tuple(Weight(key, share * 100_000 // total) for key, share in shares.items() if share)
    # A study without consistency is drawn anew each session; a permanent one is the installation's for good.
    unit = "targetingKey" if study.get("consistency") == "PERMANENT" else "session"
    return Rule(identifier, tuple(conditions_of(study.get("filter", {}))), Serve(split=Split(weights, by=unit)))


def _variation_key(arm: Mapping[str, Any], variations: dict[str, Variation]) -> str:
    """Return the key of *arm*, adding it to *variations*; a namesake with another content gets a number."""
    value = arm_value(arm)
    base = _NO_KEY.sub("-", arm["name"])
    for key in _numbered(base):
        if key not in variations or variations[key].value == value:
            variations[key] = Variation(key, value)
            return key
    raise AssertionError("numbers do not end")


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 1
    while True:
        number += 1
        yield f"{base}.{number}"


def arm_value(arm: Mapping[str, Any]) -> Json:
    """Return what an enrolled browser is told: the arm without its weight."""
    return {key: value for key, value in arm.items() if key != "probability_weight"}


def conditions_of(filters: Mapping[str, Any]) -> Iterator[Condition]:
    """Yield the conditions that a study's filter stands for. Raises `ValueError` for a filter that is not known."""
    restriction = filters.get("policy_restriction", "NONE")
    yield Condition("in", "policyRestriction", _ALLOWED_UNDER[restriction])
    for name, wanted in filters.items():
        if name in _LISTS:
            yield Condition("in", _LISTS[name], tuple(wanted))
        elif name == "min_version":
            yield Condition("versionGreaterOrEqual", "version", (wanted.removesuffix(".*"),))
        elif name == "max_version":
            yield _at_most(wanted)
        elif name != "policy_restriction":
            raise ValueError(f"no condition is known for the filter {name!r}")


def _at_most(version: str) -> Condition:
    """Return the condition for a highest version: `151.*` takes in every 151, so it means less than 152."""
    if not version.endswith(".*"):
        return Condition("versionLessOrEqual", "version", (version,))
    *head, last = version.removesuffix(".*").split(".")
    return Condition("versionLess", "version", (".".join([*head, str(int(last) + 1)]),))


def edits_of(change: Mapping[str, Any], files: dict[str, list[str]]) -> Iterable[tuple[str, Flag | None]]:
    """Return what one change of the history does: flags by key, None for one to delete.

    *files* remembers the flags of each file from one change to the next and is brought up to date.
    """
    edits: dict[str, Flag | None] = {}
    for file in change["deleted"]:
        edits.update(dict.fromkeys(files.pop(file, []), None))
    for file, studies in change["set"].items():
        flags = {flag.key: flag for flag in flags_of(studies)}
        edits.update(dict.fromkeys(set(files.get(file, [])) - set(flags), None))
        edits.update(flags)
        files[file] = list(flags)
    return edits.items()
