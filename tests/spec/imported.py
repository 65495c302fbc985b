"""Drawn imported flags, and contexts that meet them: what the conformance tests draw, as a snapshot that travels."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from pennon.importers import Plan, flagd, growthbook, launchdarkly, unleash
from pennon.importers.verify import rules_of
from tests.conformance import (
    flagd_drawing,
    growthbook_drawing,
    launchdarkly_crossed,
    launchdarkly_payloads,
    unleash_crossed,
    unleash_drawing,
)

Json = Any
Context = dict[str, Any]

EXACT = 2**53
"""JavaScript has one type of numbers. Beyond this they are not all integers, and below, 1.0 is 1."""
NOW = 1_700_000_000.25


class Imported(NamedTuple):
    """A snapshot as JSON, and the contexts to ask it with."""

    snapshot: Json
    contexts: list[Context]


def one_number_type(value: Json) -> Json:
    """Return *value* as it is to a language that has one type of numbers."""
    if isinstance(value, dict):
        return {key: one_number_type(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [one_number_type(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if abs(value) < EXACT and value == int(value) else float(value)


def drawn(vendor: str, dialect: str, seed: int, contexts: int) -> Imported:
    """Draw a file of *vendor*, and import it."""
    return _DRAWN[vendor](dialect, seed, contexts)


def _launchdarkly(dialect: str, seed: int, contexts: int) -> Imported:
    draw = launchdarkly_payloads.Draw(seed)
    document = launchdarkly_payloads.text(draw.payload(24, 8))
    return _imported(launchdarkly.plan(document.encode(), dialect), [draw.context() for _ in range(contexts)])


def _unleash(dialect: str, seed: int, contexts: int) -> Imported:
    draw = unleash_drawing.Draw(seed)
    document = draw.document(24)
    return _imported(unleash.plan(document.encode(), dialect, {}), [draw.context() for _ in range(contexts)])


def _growthbook(dialect: str, seed: int, contexts: int) -> Imported:
    drawing = growthbook_drawing.Drawing(seed, dialect)
    document = json.dumps(drawing.document(12)).encode()
    plan = growthbook.plan(document, dialect, {"sticky": "off"})
    return _imported(plan, [drawing.context() for _ in range(contexts)])


def _flagd(dialect: str, seed: int, contexts: int) -> Imported:
    drawing = flagd_drawing.Drawing(seed)
    document = json.dumps(drawing.document(24)).encode()
    return _imported(flagd.plan(document, dialect), [drawing.context() for _ in range(contexts)])


_DRAWN: Mapping[str, Callable[[str, int, int], Imported]] = {
    "flagd": _flagd,
    "growthbook": _growthbook,
    "launchdarkly": _launchdarkly,
    "unleash": _unleash,
}

DIALECTS: Sequence[tuple[str, str]] = [
    *(("flagd", name) for name in flagd.DIALECTS),
    *(("growthbook", name) for name in growthbook.DIALECTS),
    *(("launchdarkly", name) for name in launchdarkly.DIALECTS),
    *(("unleash", name) for name in unleash.DIALECTS),
]


def crossed(dialect: str, tried: int) -> list[Imported]:
    """Import every odd literal of LaunchDarkly's, or some of Unleash's, with every odd value to ask each with."""
    vendor, name = dialect.split("/")
    return _crossed_launchdarkly(name) if vendor == "launchdarkly" else _crossed_unleash(name, tried)


def _crossed_launchdarkly(dialect: str) -> list[Imported]:
    document = launchdarkly_payloads.text({"flags": launchdarkly_crossed.crossed_flags(), "segments": {}})
    values = {repr(value): value for each in launchdarkly_crossed.CROSSED.values() for value in each.values}
    contexts = [{"targetingKey": "u", "v": value} for value in values.values()]
    return [_imported(launchdarkly.plan(document.encode(), dialect), contexts)]


def _crossed_unleash(dialect: str, tried: int) -> list[Imported]:
    found = []
    features = Random(7).sample(list(unleash_crossed.features()), tried)
    for group, some in itertools.groupby(sorted(features, key=lambda each: each[0]), key=lambda each: each[0]):
        document = json.dumps({"version": 2, "features": [feature for _, feature in some]})
        plan = unleash.plan(document.encode(), dialect, {})
        found.append(_imported(plan, list(unleash_crossed.contexts(group, dialect))))
    return found


def _imported(plan: Plan, contexts: Sequence[Context]) -> Imported:
    snapshot = json.loads(rules_of(plan).snapshot.to_json())
    return Imported(one_number_type(snapshot), [one_number_type(context) for context in contexts])
