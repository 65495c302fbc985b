"""What `Accept-Encoding` says, and what is made of a body for it."""

import gzip
import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.stream import codings
from pennon.stream.codings import CODINGS, Coding, NothingFits, available, chosen, compressed


def unpacked(body: bytes, coding: Coding) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "br":
        return bytes(importlib.import_module("brotli").decompress(body))
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return bytes(importlib.import_module(name).decompress(body))
        except ImportError:
            continue
    raise AssertionError("no zstd is installed")


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, br;q=0.5", "gzip"),
        ("zstd;q=0.2, br;q=0.3, gzip;q=0.1", "br"),
        ("zstd ; q=0.5 , br ; Q = 0.5", "zstd"),
        ("*", "zstd"),
        ("*;q=0.5, br;q=0.6", "br"),
        ("*, zstd;q=0", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, zstd;q=0.001", "zstd"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity, gzip", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("deflate", None),
        ("gzip;q=2", None),
        ("gzip;q=x", None),
        ("gzip;level=9", None),
        (";;,, ,", None),
    ],
)
def test_client_gets_what_it_likes_best_and_of_equals_the_smallest(header: str | None, coding: Coding | None) -> None:
    assert chosen(header) == coding


@pytest.mark.parametrize("header", ["identity;q=0", "*;q=0", "gzip;q=0, identity;q=0", "deflate, *;q=0"])
def test_client_that_takes_nothing_that_there_is_is_told(header: str) -> None:
    with pytest.raises(NothingFits):
        chosen(header)


@given(st.text(max_size=60))
def test_any_header_is_read(header: str) -> None:
    try:
        assert chosen(header) in (*CODINGS, None)
    except NothingFits:
        assert "q" in header.lower()


@pytest.mark.parametrize("coding", CODINGS)
def test_body_comes_back_and_is_the_same_each_time(coding: Coding) -> None:
    body = b'{"flags":{}}' * 1000
    packed = compressed(body, coding)
    assert len(packed) < len(body) / 10
    assert unpacked(packed, coding) == body
    assert compressed(body, coding) == packed


@pytest.fixture
def only_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def gone(name: str) -> Any:
        raise ImportError(name)

    def forget() -> None:
        for cached in (codings._compressor, codings.available, codings.chosen):
            cached.cache_clear()

    forget()
    with monkeypatch.context() as patched:
        patched.setattr("importlib.import_module", gone)
        assert available() == ("gzip",)
        yield
    forget()


@pytest.mark.usefixtures("only_the_standard_library")
def test_without_the_extra_there_is_gzip() -> None:
    assert chosen("zstd, br, gzip;q=0.1") == "gzip"
    assert chosen("zstd, br") is None
    with pytest.raises(LookupError):
        compressed(b"x", "br")
