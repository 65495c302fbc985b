"""What an SDK does when the wire to a real server lies: it serves what it knows, and is right again soon after."""

import datetime
import decimal
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from pennon.model import ErrorCode, Reason
from pennon.protocol.replica import ASK_AGAIN_S
from pennon.sdk.config import Clock
from tests.integration.attached import BOOLEAN, WITNESS, Attached, attached, eventually
from tests.integration.relay import Relay, relay

U1 = {"targetingKey": "u1", "country": "DE"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Relay]:
    with relay() as made:
        yield made


class Skew:
    """By how much the client's clock goes ahead."""

    seconds = 0.0


@pytest.fixture(scope="module")
def skew() -> Skew:
    return Skew()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, wire: Relay, skew: Skew) -> Iterator[Attached]:
    folder = tmp_path_factory.mktemp("wire") / "data"
    clock = Clock(lambda: time.monotonic() + skew.seconds, time.time)
    with attached(folder, url=wire.before, timeout_s=1.0, max_bytes=1_000_000, clock=clock) as made:
        conditions = [{"attribute": "country", "op": "in", "values": ["DE"]}]
        rules = [{"id": "r", "conditions": conditions, "serve": {"variation": "on"}}]
        off = {"fallthrough": {"variation": "off"}, "offVariation": "off"}
        definition = {"key": "other", "kind": "boolean", "variations": BOOLEAN}
        made.change({"do": "putFlag", "definition": definition, "configuration": {"on": True, "rules": rules, **off}})
        weights = [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]
        split = {"on": True, "fallthrough": {"split": {"by": "/country", "weights": weights}}}
        made.change({"do": "putFlag", "definition": {**definition, "key": "split"}, "configuration": split})
        made.check_life()
        yield made


@pytest.fixture(autouse=True)
def honest_afterwards(wire: Relay) -> Iterator[None]:
    yield
    wire.garble = wire.cut_after = None


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return what says *new* for *old*: of one length, for what holds it says how long it is."""
    assert len(old) == len(new)
    return lambda piece: piece.replace(old, new)


def digits(name: bytes, digit: bytes) -> Callable[[bytes], bytes]:
    """Return what writes every digit of the number, or hex text, called *name* as *digit*."""
    value = re.compile(b'("%b":"?)([0-9a-f]+)' % name)
    return lambda piece: value.sub(lambda found: found[1] + digit * len(found[2]), piece)


CHUNK = re.compile(rb"(\A|\r\n\r\n)([0-9a-f]+)\r\n")
LIES: dict[str, Callable[[bytes], bytes]] = {
    "broken JSON": swap(b'"flags":{', b'"flags":['),
    "no string": swap(b'"environment":"', b'"environment": '),
    "not UTF-8": swap(b"default/production", b"default/\xff\xfe\xfd\xfcuction"),
    "format to come": swap(b'"spec":1', b'"spec":9'),
    "epoch before": digits(b"epoch", b"0"),
    "event of no name": swap(b"event: ", b"evemt: "),
    "data of no name": swap(b"data: ", b"dada: "),
    "another media type": swap(b"text/event-stream", b"text/html; a=bcde"),
    "status of nonsense": swap(b"HTTP/1.1 200", b"HTTP/1.1 2x0"),
    "failing server": swap(b"HTTP/1.1 200", b"HTTP/1.1 500"),
    "not modified": swap(b"HTTP/1.1 200", b"HTTP/1.1 304"),
    "moved": swap(b"HTTP/1.1 200", b"HTTP/1.1 301"),
    "no HTTP": lambda piece: b"\0" * len(piece),
    "chunk too long": lambda piece: CHUNK.sub(lambda found: found[1] + b"f" * len(found[2]) + b"\r\n", piece),
    "noise for ever": lambda piece: piece.partition(b"\r\n\r\n")[0] + b"\r\n\r\nfffff\r\n" + b"x" * 1_048_575 + b"\r\n",
}


def is_on(place: Attached) -> bool:
    return place.client.boolean(WITNESS, U1, default=False)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lie_is_not_believed_and_the_truth_is_taken_afterwards(
    place: Attached, wire: Relay, lie: Callable[[bytes], bytes]
) -> None:
    before, known = is_on(place), place.state()
    told, wire.garble = wire.lies, lie
    wire.drop()
    revision = place.change({"do": "turnOff" if before else "turnOn", "flag": WITNESS})
    changed = place.state()
    until = time.monotonic() + 0.5
    while time.monotonic() < until or wire.lies == told:
        assert place.snapshot() in (known, changed)
        assert place.client.boolean("other", U1, default=False) is True
        assert time.monotonic() < until + 60, "the wire told no lie"
    wire.garble = None
    wire.drop()
    eventually(lambda: place.client.status().revision >= revision, within_s=60)
    assert is_on(place) is not before
    assert place.snapshot() == changed
    place.check_life()


def test_damaged_flag_fails_alone_and_heals_though_it_claims_the_hash_of_the_sound_one(
    place: Attached, wire: Relay, skew: Skew
) -> None:
    if is_on(place):
        place.check_life()  # turned off, it has no "on":true
    told, wire.garble = wire.lies, swap(b'"on":true', b'"on":1234')
    wire.drop()
    revision = place.change({"do": "setFallthrough", "flag": "other", "serve": {"variation": "on"}})
    eventually(lambda: wire.lies >= told + 2 and place.client.status().revision >= revision)
    found = place.client.evaluation("other", U1, default=False)
    assert (found.value, found.reason, found.error_code) == (False, Reason.ERROR, ErrorCode.PARSE_ERROR)
    assert place.client.boolean(WITNESS, U1, default=True) is False
    wire.garble = None
    wire.drop()
    skew.seconds += ASK_AGAIN_S  # what did not match itself is asked for again once a minute
    revision = place.change({"do": "turnOn", "flag": WITNESS})
    eventually(lambda: place.client.status().revision >= revision)
    eventually(lambda: place.client.evaluation("other", U1, default=False).reason is Reason.RULE_MATCH)
    assert place.snapshot() == place.state()
    place.check_life()


def test_answer_may_be_cut_anywhere(place: Attached, wire: Relay) -> None:
    for cut in (*range(8), *range(8, 1500, 41)):
        before = is_on(place)
        wire.cut_after = cut
        wire.drop()
        revision = place.change({"do": "turnOff" if before else "turnOn", "flag": WITNESS})
        assert place.client.boolean("other", U1, default=False) is True
        assert is_on(place) in (True, False)
        wire.cut_after = None
        wire.drop()
        eventually(lambda at=revision: place.client.status().revision >= at, within_s=60)  # type: ignore[misc]
        assert is_on(place) is not before, cut
    assert place.snapshot() == place.state()
    assert wire.lies > 20


class Hostile:
    """Raises whatever is done with it."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("hostile")

    __eq__ = __hash__ = __str__ = __repr__ = __bool__ = __len__ = __iter__ = __lt__ = __contains__ = _raise
    __getattr__ = __int__ = __float__ = __index__ = _raise


class Odd(dict[str, Any]):
    """A dictionary that says something else each time."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        return Hostile()


def contexts() -> dict[str, Any]:
    circle: dict[str, Any] = {"targetingKey": "u1"}
    circle["country"] = circle["self"] = circle
    ring: list[Any] = ["DE"]
    ring.append(ring)
    deep: Any = "DE"
    for _ in range(100_000):
        deep = [deep]
    return {
        "circle": circle,
        "ring": {"targetingKey": "u1", "country": ring},
        "deep": {"targetingKey": "u1", "country": deep},
        "hostile": {"targetingKey": Hostile(), "country": Hostile()},
        "odd mapping": Odd(targetingKey="u1", country="DE"),
        "not finite": {"targetingKey": float("nan"), "country": float("inf")},
        "enormous": {"targetingKey": 10**5000, "country": 10**5000},
        "bytes": {"targetingKey": b"u1", "country": bytearray(b"DE")},
        "dates": {
            "targetingKey": datetime.date(2026, 1, 1),
            "country": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        },
        "decimals": {"targetingKey": decimal.Decimal("sNaN"), "country": decimal.Decimal(1)},
        "sets": {"targetingKey": {"u1"}, "country": frozenset({"DE"})},
        "functions": {"targetingKey": len, "country": (number for number in range(3))},
        "surrogates": {"targetingKey": "\ud800", "country": "\udfff"},
        "NUL": {"targetingKey": "\0", "country": "D\0E"},
        "keys": {1: "a", None: "b", ("x",): "c", "targetingKey": "u1"},
        "lock": {"targetingKey": threading.Lock(), "country": threading.Lock()},
        "type": {"targetingKey": str, "country": type},
        "no mapping": ["targetingKey", "u1"],
        "nothing": None,
        "text": "u1",
        "hostile itself": Hostile(),
    }


CONTEXTS: Mapping[str, Any] = contexts()


@pytest.mark.parametrize("name", CONTEXTS)
def test_context_of_any_python_object_gets_an_answer_and_stops_no_report(place: Attached, name: str) -> None:
    context = CONTEXTS[name]
    for flag in ("other", WITNESS, "split", "gone"):
        found = place.client.evaluation(flag, context, default=False)
        assert found.value in (True, False)
        assert isinstance(found.reason, Reason)
        assert place.client.boolean(flag, context, default=True) in (True, False)
    assert place.client.track("clicked", context) in (True, False)
    assert place.client.flush(10)


@pytest.mark.parametrize("flag", [None, 7, b"other", "", "x" * 100_000, "\ud800", ["other"], {}])
def test_flag_key_of_any_python_object_gets_the_default(place: Attached, flag: Any) -> None:
    found = place.client.evaluation(flag, U1, default=False)
    assert (found.value, found.reason) == (False, Reason.ERROR)
    assert place.client.flush(10)
