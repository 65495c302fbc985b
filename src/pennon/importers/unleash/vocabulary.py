"""The attributes that a file's rules read, and what they are compared with."""

from collections.abc import Iterable, Iterator

from pennon.engine.dialects.unleash import javascript as js
from pennon.engine.dialects.unleash.seam import BUILT_IN
from pennon.importers.plan import Vocabulary
from pennon.importers.unleash.document import State
from pennon.importers.unleash.shapes import Feature, Strategy, Test
from pennon.importers.unleash.variants import all_variants
from pennon.model import Json
from pennon.model.problems import pointer

_LISTS = {"userIds": "userId", "IPs": "remoteAddress", "hostNames": "hostname"}
_GRADUAL = {"gradualRolloutUserId": "userId", "gradualRolloutSessionId": "sessionId"}


def of_state(state: State) -> Vocabulary:
    """Return each attribute with its literals, in the order of their names."""
    found: dict[str, dict[str, Json]] = {"targetingKey": {}}
    for name, literals in _words(state):
        known = found.setdefault(_attribute(name), {})
        for literal in literals:
            known.setdefault(literal, literal)
    # Who is listed by id is mostly known by the targeting key.
    found["targetingKey"].update(found.get("userId", {}))
    return {name: tuple(found[name].values()) for name in sorted(found)}


def _attribute(name: str) -> str:
    return pointer(name) if name.startswith("/") else name


def _words(state: State) -> Iterator[tuple[str, Iterable[str]]]:
    for _, segment in state.segments.values():
        yield from _of_tests(segment.constraints)
    for placed in state.features:
        yield from _of_feature(placed.feature)


def _of_feature(feature: Feature) -> Iterator[tuple[str, Iterable[str]]]:
    for strategy in feature.strategies or ():
        yield from _of_tests(strategy.constraints or ())
        yield from _of_parameters(strategy)
    for variant in all_variants(feature):
        yield from _ids(variant.stickiness)
        for override in variant.overrides or ():
            yield override.context_name, override.values


def _of_parameters(strategy: Strategy) -> Iterator[tuple[str, Iterable[str]]]:
    parameters = strategy.parameters or {}
    for parameter, name in _LISTS.items():
        if parameter in parameters:
            yield name, js.COMMA.split(parameters[parameter])
    if strategy.name in _GRADUAL:
        yield _GRADUAL[strategy.name], ()
    if strategy.name == "flexibleRollout" or "stickiness" in parameters:
        yield from _ids(parameters.get("stickiness"))


def _ids(stickiness: str | None) -> Iterator[tuple[str, Iterable[str]]]:
    if stickiness in {None, "", "default", "random"}:
        yield from (("userId", ()), ("sessionId", ()), ("remoteAddress", ()))
    elif stickiness is not None:
        yield stickiness, ()


def _of_tests(tests: Iterable[Test]) -> Iterator[tuple[str, Iterable[str]]]:
    for test in tests:
        values = test.values or ([] if test.value is None else [test.value])
        yield test.context_name, values
        if test.operator.startswith("DATE_") and test.context_name not in BUILT_IN:
            yield "currentTime", values  # Node's dates are always compared with it
