"""Remembered buckets: never wrong, never too many, and shared by all that ask the same."""

import gc
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import bucket, bucket_prefix
from pennon.engine import compile_snapshot
from pennon.engine.buckets import LENGTH, BucketCache
from pennon.model import ErrorCode, Evaluation
from tests.unit.engine.build import flag, layer, snapshot, split

HALVES = split(("on", 50_000), ("off", 50_000))
USERS = [f"user-{number}" for number in range(300)]


@given(st.lists(st.text(max_size=6), max_size=40), st.integers(1, 5))
def test_a_remembered_bucket_is_the_bucket(units: list[str], entries: int) -> None:
    cache = BucketCache(entries)
    tables = {salt: cache.after(bucket_prefix(salt, "checkout")) for salt in ("s1", "s2")}
    for unit in units + units:
        for salt, table in tables.items():
            assert table[unit] == bucket(salt, "checkout", unit)
        assert len(cache) <= entries


def test_lone_surrogates_are_bucketed_as_everywhere() -> None:
    assert BucketCache(10).after(b"s1.checkout.")["\ud800"] == bucket("s1", "checkout", "\ufffd")


def test_one_prefix_has_one_table_as_long_as_somebody_has_it() -> None:
    cache = BucketCache(10)
    table = cache.after(b"a.")
    assert cache.after(b"a.") is table
    assert table["u"] == cache.after(b"a.")["u"]
    assert len(cache) == 1
    del table
    gc.collect()
    assert len(cache) == 0


def test_a_long_unit_is_not_kept() -> None:
    cache = BucketCache(10)
    table = cache.after(b"s1.checkout.")
    long = "u" * (LENGTH + 1)
    assert table[long] == bucket("s1", "checkout", long)
    assert len(cache) == 0


@pytest.mark.parametrize("entries", [0, 1, 7, 10_000])
def test_every_answer_is_the_same_with_and_without(entries: int) -> None:
    place = {"from": 0, "to": 50_000, "experiment": "exp"}
    layers = (layer("shop", slots=[place]),)
    trial = {**HALVES["split"], "experiment": {"key": "exp", "layer": "shop", "otherwise": "off"}}
    flags = [flag("half", fallthrough=HALVES), flag("trial", fallthrough={"split": trial})]
    known = snapshot(*flags, layers=layers)
    plain, remembering = compile_snapshot(known), compile_snapshot(known, bucket_cache=entries)
    contexts: list[dict[str, Any]] = [{"targetingKey": user} for user in [*USERS, 5, 5.0, None, "\ud800", ["u"]]]
    for key in ("half", "trial"):
        for context in [{}, *contexts, *contexts]:
            assert remembering.evaluate(key, context, False) == plain.evaluate(key, context, False)
            assert remembering.explain(key, context, False) == plain.explain(key, context, False)


def test_a_unit_that_is_missing_is_an_error_as_ever() -> None:
    rules = compile_snapshot(snapshot(flag("half", fallthrough=HALVES)), bucket_cache=10)
    assert rules.evaluate("half", {}, "mine").error_code is ErrorCode.TARGETING_KEY_MISSING


def test_a_new_salt_or_new_weights_are_followed_at_once() -> None:
    def known(salt: str, on: int) -> Any:
        return snapshot(flag("half", salt=salt, fallthrough=split(("on", on), ("off", 100_000 - on))))

    rules = compile_snapshot(known("s1", 50_000), bucket_cache=1_000)
    for salt, on in [("s1", 50_000), ("s2", 50_000), ("s2", 20_000), ("s1", 20_000)]:
        rules = rules.advanced(known(salt, on), [("flag", "half")])
        for user in USERS:
            expected = "on" if bucket(salt, "half", user) < on else "off"
            assert rules.evaluate("half", {"targetingKey": user}).variation == expected


def test_threads_that_fill_it_at_once_get_right_answers_and_stay_within_bounds() -> None:
    threads, entries = 4, 50
    cache = BucketCache(entries)
    table = cache.after(b"s1.checkout.")
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(20):
            wrong.extend(user for user in USERS if table[user] != bucket("s1", "checkout", user))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        running = [threading.Thread(target=ask) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert len(cache) <= entries + threads


def test_results_are_shared_as_without() -> None:
    rules = compile_snapshot(snapshot(flag("half", fallthrough=HALVES)), bucket_cache=10)
    answers: list[Evaluation] = [rules.evaluate("half", {"targetingKey": "u1"}) for _ in range(2)]
    assert answers[0] is answers[1]
