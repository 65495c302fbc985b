"""What is read from a request's path and headers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request

from pennon.control.api.inputs import moment, provide_expected, provide_item_key
from pennon.control.api.problems import ApiError
from pennon.control.errors import NotFound

TEMPLATE = "/api/v1/projects/{project}/flags/{flag}"


def key_in(raw_path: bytes) -> str:
    scope = {"type": "http", "raw_path": raw_path, "path_template": TEMPLATE, "path": "/", "headers": []}
    request: Request[None, None, None] = Request(scope)  # type: ignore[arg-type, type-var]  # what the function reads
    return provide_item_key(request)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64))
def test_every_key_is_read_as_it_was_meant(key: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in key.encode())
    assert key_in(f"/api/v1/projects/shop/flags/{quoted}".encode()) == key


def test_slashes_of_a_key_may_stand_as_they_are() -> None:
    assert key_in(b"/api/v1/projects/shop/flags//a//b/") == "/a//b/"
    assert key_in(b"//api/v1//projects/shop/flags/a/b?x=/y") == "a/b"


@pytest.mark.parametrize(
    "path", [b"/api/v1/projects/shop/flags/", b"/api/v1/projects/a%2Fflags%2Fb", b"/api/v1/projects/shop/flags/%ff"]
)
def test_a_path_without_a_key_names_nothing(path: bytes) -> None:
    with pytest.raises(NotFound):
        key_in(path)


@pytest.mark.parametrize("key", ["a%00b", "a%0a", "%7f", "x" * 257])
def test_a_key_that_none_can_have_is_refused(key: str) -> None:
    with pytest.raises(ApiError) as caught:
        key_in(f"/api/v1/projects/shop/flags/{key}".encode())
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("header", "version"),
    [(None, None), ("*", None), ('"5"', 5), ('"5.03f1a2b4"', 5), ('W/"12.ff"', 12), ("7", 7), ('"0"', 0)],
)
def test_if_match_names_a_version(header: str | None, version: int | None) -> None:
    assert provide_expected(header) == version


def test_a_time_needs_a_zone() -> None:
    assert moment("2026-01-31T12:00:00+01:00", "time") == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert moment(None, "time") is None
    for bad in ("2026-01-31T12:00:00", "yesterday", "null", "", "1700000000"):
        with pytest.raises(ApiError):
            moment(bad, "time")
