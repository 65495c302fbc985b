"""How many streams fit, and what is said where they do not."""

import resource
from collections.abc import Iterator

import pytest

from pennon.cli.open_files import RESERVE, TooFewFiles, streams_that_fit


@pytest.fixture(autouse=True)
def limit() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_is_raised_and_all_but_a_reserve_is_for_streams(limit: int) -> None:
    room = streams_that_fit(0)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == limit
    assert room == limit - RESERVE
    assert streams_that_fit(100) == 100
    assert streams_that_fit(room) == room


def test_more_streams_than_files_are_refused_with_the_limit_and_what_to_do(limit: int) -> None:
    with pytest.raises(TooFewFiles) as refused:
        streams_that_fit(limit)
    said = str(refused.value)
    assert f"{limit} streams do not fit" in said
    assert f"may have {limit} files open" in said
    assert f"raise the limit to {limit + RESERVE} (ulimit -n, or LimitNOFILE= in systemd's unit)" in said
    assert "--workers" in said
