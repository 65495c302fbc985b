"""Whatever a program puts into a context, an imported flag answers: nothing is raised, and nothing takes for ever."""

import math
import time
from typing import Any

import msgspec
import pytest

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import Evaluation, Flag, Item, Segment, Snapshot
from tests.spec.vectors import read, vector_files

FILES = [path for path in vector_files() if path.parent.name == "dialects"]


class Hostile:
    """Raises whatever is asked of it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        raise RuntimeError("hashed")

    def __str__(self) -> str:
        raise RuntimeError("made text")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("asked whether it is true")


class HostileDict(dict[Any, Any]):
    """Raises where it is read."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("read")


def nested(make: Any, depth: int = 10_000) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = make(value)
    return value


RING: list[Any] = [1]
RING += [RING, RING]
LONG = 30_000
VALUES: tuple[Any, ...] = (
    *("\ud800", "a\udfffb", "\ud83d\ude00", "\0", "²", "٣.١.٢", "", "1" * 5000, "1" * LONG, "x" * LONG, "1." * LONG),
    *(
        "1.0.0-" + "a." * LONG,
        "2020-01-01T00:00:00." + "1" * LONG + "Z",
        "😀" * LONG,
        "0x" + "f" * LONG,
        "::/" + "0" * LONG,
    ),
    *(10**5000, -(10**5000), 2**64, math.nan, math.inf, -math.inf, -0.0, 5e-324, True, False, None, b"x", 1j),
    *(Hostile(), HostileDict(a=1), nested(lambda inner: [inner]), nested(lambda inner: {"a": inner}), RING, object()),
    *({1, 2}, (1, 2), [], {}, [None], [[]], {1: 2, None: 1}, {"toString": 1}, ["1", True, 1.0], [10**5000], len),
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_flag_answers_every_context(path: Any) -> None:
    document = read(path)
    rules = _rules(document["snapshot"])
    seen = {name for case in document["cases"] if isinstance(case.get("context"), dict) for name in case["context"]}
    names = sorted(seen | {"targetingKey"})
    for index, value in enumerate(VALUES):
        several = dict.fromkeys(names, value)
        one = {"targetingKey": "u", names[index % len(names)]: value}
        within = {"targetingKey": "u", **dict.fromkeys(names, several)}
        contexts = (several, one, within, {value: 1} if isinstance(value, str) else value)
        for number, key in enumerate(rules.flag_keys()):
            context = contexts[(number + index) % len(contexts)]
            now = (None, 1.7e9, math.nan, 1e300)[number % 4]
            started = time.process_time()
            answer = rules.evaluate(key, context, "default", now=now)
            assert isinstance(answer, Evaluation)
            assert time.process_time() - started < 3
            if number == index % 7:
                assert rules.explain(key, context, "default", now=now).evaluation.variation == answer.variation


def _rules(snapshot: dict[str, Any]) -> RuleSet:
    flags = {key: Item.of(msgspec.convert(flag, Flag)) for key, flag in snapshot.get("flags", {}).items()}
    segments = {key: Item.of(msgspec.convert(each, Segment)) for key, each in snapshot.get("segments", {}).items()}
    return compile_snapshot(Snapshot.of({"flag": flags, "segment": segments}))
