"""Pennon's rules as closures over the same prepared literals, by hand: what generated source was chosen over."""

from collections.abc import Callable
from itertools import count
from typing import Any

from bench.evaluation.sdks.base import Mode, Unable, Way
from bench.evaluation.worlds import PLANS, User, World
from pennon.bucketing import bucket_after, bucket_prefix
from pennon.engine.values import Memo, version_rank
from pennon.model import Evaluation, Reason

Test = Callable[[User], bool]
Answer = Callable[[User], Evaluation]


class Adapter:
    """A table of closures, guarded as a rule set is."""

    def document(self, world: World) -> bytes:
        """Return the workload's name: the two flags are written out below."""
        return world.name.encode()

    def open(self, document: bytes, mode: Mode) -> Way:
        """Return the closures of W2 or W3."""
        makers = {"W2": ("five-rules", _five_rules), "W3": ("half", _half)}
        found = makers.get(document.decode())
        if mode != "counted" or found is None:
            raise Unable("written for W2 and W3, counted")
        key, make = found
        table = {key: make(key)}

        def evaluate(flag: str, context: Any, default: Any) -> Any:
            try:
                if type(context) is not dict:
                    return default
                return table[flag](context)
            except KeyError:
                return default

        return Way("evaluate(flag, user, False)", {"evaluate": evaluate}, value=lambda answer: answer.value)


def _five_rules(key: str) -> Answer:
    in_plan = _text("plan", frozenset(PLANS).__contains__)
    split, on = _half(key), _counted(Evaluation(value=True, variation="on", reason=Reason.RULE_MATCH))
    off = _counted(Evaluation(value=False, variation="off", reason=Reason.FALLTHROUGH))
    bound, ranks = version_rank("2.3.0"), Memo(version_rank)
    rules: list[tuple[Test, Answer]] = [
        (_text("country", frozenset({"D0", "FR", "IT"}).__contains__), on),
        (_text("appVersion", lambda found: ranks[found] >= bound), on),
        (_text("email", lambda found: found.endswith("@example.com")), on),
        (_number("age", lambda found: found > 50), on),
        (in_plan, split),
    ]

    def evaluate(context: User) -> Evaluation:
        for holds, answer in rules:
            if holds(context):
                return answer(context)
        return off(context)

    return evaluate


def _half(key: str) -> Answer:
    prefix = bucket_prefix("k3v00000", key)
    slices = [
        (50_000, _counted(Evaluation(value=True, variation="on", reason=Reason.SPLIT))),
        (100_000, _counted(Evaluation(value=False, variation="off", reason=Reason.SPLIT))),
    ]

    def answer(context: User) -> Evaluation:
        unit = context.get("targetingKey")
        place = bucket_after(prefix, unit if type(unit) is str else str(unit))
        for bound, serve in slices:
            if place < bound:
                return serve(context)
        raise AssertionError("the slices cover every bucket")

    return answer


def _counted(evaluation: Evaluation) -> Answer:
    step = count().__next__

    def answer(_context: User) -> Evaluation:
        step()
        return evaluation

    return answer


def _text(attribute: str, compare: Callable[[str], bool]) -> Test:
    def holds(context: User) -> bool:
        found = context.get(attribute)
        return type(found) is str and compare(found)

    return holds


def _number(attribute: str, compare: Callable[[float], bool]) -> Test:
    def holds(context: User) -> bool:
        found = context.get(attribute)
        return (type(found) is int or type(found) is float) and compare(found)

    return holds
