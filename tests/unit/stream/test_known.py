"""What may be reported: the flags and variations that are there, and those that were a moment ago."""

from collections import UserDict
from typing import Any

from pennon.events import Counter, EventBatch, Exposure, Metric
from pennon.model import Flag, Item, Reason, Serve, Variation
from pennon.stream import known
from pennon.stream.known import KnownFlags


def flag(key: str, *variations: str) -> Item:
    made = tuple(Variation(each, each) for each in variations)
    return Item.of(Flag(key=key, variations=made, on=True, fallthrough=Serve(variation=variations[0])))


def following(*flags: Item) -> KnownFlags:
    made = KnownFlags()
    made.follow({item.key: item for item in flags})
    return made


def counter(name: str, variation: str | None = "on", **fields: Any) -> Counter:
    return Counter(flag=name, variation=variation, reason=Reason.SPLIT, count=1, from_=1, to=2, **fields)


def test_variations_of_the_flags_there_are_are_known_and_others_are_not() -> None:
    flags = following(flag("checkout", "on", "off"))
    assert flags.knows("checkout", "on")
    assert flags.knows("checkout", None)
    assert not flags.knows("checkout", "made-up")
    assert not flags.knows("made-up", "on")
    assert not flags.knows("made-up", None)


def test_flag_that_is_gone_and_variations_that_were_are_still_known() -> None:
    flags = following(flag("checkout", "on", "off"), flag("search", "a"))
    flags.follow({"checkout": flag("checkout", "on", "fast")}, ["checkout", "search"])
    assert [flags.knows("checkout", variation) for variation in ("on", "fast", "off", "slow")] == [1, 1, 1, 0]
    assert [flags.knows("search", variation) for variation in ("a", None, "b")] == [1, 1, 0]


def test_state_that_was_loaded_anew_keeps_what_was_known() -> None:
    flags = following(flag("checkout", "on"), flag("search", "a"))
    flags.follow({"checkout": flag("checkout", "on"), "new": flag("new", "x")})
    assert flags.knows("checkout", "on")
    assert flags.knows("search", "a")
    assert flags.knows("new", "x")


def test_what_was_is_remembered_of_so_many_flags_only(monkeypatch: Any) -> None:
    monkeypatch.setattr(known, "REMEMBERED", 2)
    flags = KnownFlags()
    for name in ("a", "b", "c"):
        flags.follow({name: flag(name, "on")}, [name])
        flags.follow({}, [name])
    assert [flags.knows(name, "on") for name in ("a", "b", "c")] == [False, True, True]


def test_flag_that_cannot_be_read_has_no_variation_but_is_there() -> None:
    flags = following(Item.from_text("broken", b'{"key":"broken","variations":7}'))
    assert flags.knows("broken", None)
    assert not flags.knows("broken", "on")


def test_batch_is_left_as_it_is_or_without_what_is_not_known() -> None:
    flags = following(flag("checkout", "on", "off"))
    exposure = Exposure(time=1, flag="checkout", variation="on", unit="u1")
    metric = Metric(time=1, key="order", unit="u1")
    sound = EventBatch(instance="i", sequence=1, counters=(counter("checkout"),), exposures=(exposure,))
    assert flags.known_of(sound) is sound
    made_up = Exposure(time=1, flag="checkout", variation="made-up", unit="u1")
    mixed = EventBatch(
        instance="i",
        sequence=1,
        counters=(counter("made-up", None), counter("checkout", None)),
        exposures=(made_up, exposure),
        metrics=(metric,),
    )
    left = flags.known_of(mixed)
    assert (left.counters, left.exposures, left.metrics) == ((counter("checkout", None),), (exposure,), (metric,))


class _Elsewhere(UserDict[str, Item]):
    """Flags that are another item each time, as those in a file are."""

    def __getitem__(self, key: str) -> Item:
        item = super().__getitem__(key)
        return Item(item.key, item.version, item.changed_at, item.hash, bytes(bytearray(item.text)))


def test_flags_that_lie_elsewhere_are_read_once_and_so_many_are_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(known, "REMEMBERED", 2)
    reads: list[str] = []
    read = known._read_variations

    def noting(item: Item) -> frozenset[str]:
        reads.append(item.key)
        return read(item)

    monkeypatch.setattr(known, "_read_variations", noting)
    flags = KnownFlags()
    flags.follow(_Elsewhere({name: flag(name, "on") for name in ("a", "b", "c")}))
    for _ in range(3):
        assert flags.knows("a", "on")
    assert reads == ["a"]
    assert flags.knows("b", "on")
    assert flags.knows("c", "on")
    assert len(flags._read) == 2
    assert not flags.knows("a", "off")
    assert reads == ["a", "b", "c", "a"]
