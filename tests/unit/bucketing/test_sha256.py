"""Where units land."""

import hashlib
import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import BUCKETS, bucket, bucket_after, bucket_prefix, sha256

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(("unit", "expected"), [("user-1", 94464), ("user-2", 20845), ("Łukasz", 44857)])
def test_check_values_of_the_design(unit: str, expected: int) -> None:
    assert bucket("s1", "checkout", unit) == expected


@given(TEXT, TEXT, TEXT)
def test_the_bucket_is_what_the_formula_says(salt: str, key: str, unit: str) -> None:
    digest = hashlib.sha256(f"{salt}.{key}.{unit}".encode()).digest()
    assert bucket(salt, key, unit) == int.from_bytes(digest[:8], "big") % 100_000


@given(TEXT, TEXT, TEXT)
def test_a_prepared_prefix_gives_the_same_bucket(salt: str, key: str, unit: str) -> None:
    assert bucket_after(bucket_prefix(salt, key), unit) == bucket(salt, key, unit)


def test_a_lone_surrogate_counts_as_the_replacement_character() -> None:
    assert bucket("s\ud800", "f\udfff", "u\ud800") == bucket("s\ufffd", "f\ufffd", "u\ufffd")


def test_surrogates_on_two_sides_of_a_dot_do_not_pair_up() -> None:
    assert bucket_prefix("\ud83d", "\ude00") == "\ufffd.\ufffd.".encode()


def test_a_hundred_thousand_units_spread_evenly() -> None:
    """Chi-squared over 100 ranges: 99 degrees of freedom, 148.2 is the 0.999 quantile."""
    shares = [0] * 100
    for number in range(100_000):
        shares[bucket("k3v9x0", "new-checkout", f"user-{number}") * 100 // BUCKETS] += 1
    assert sum((share - 1000) ** 2 / 1000 for share in shares) < 148.2


def test_without_pythons_own_module_it_is_hashlibs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_sha256", None)
    spec = importlib.util.find_spec(bucket.__module__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.sha256 is hashlib.sha256
    assert module.bucket("s1", "checkout", "user-1") == 94464
    assert sha256(b"x").digest() == hashlib.sha256(b"x").digest()
