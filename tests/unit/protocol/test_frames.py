import json

import pytest

from pennon.model import InvalidJson, Position
from pennon.protocol import frames


def test_age_comes_first_and_the_body_follows_as_it_is() -> None:
    assert frames.aged(b'{"spec":1,"epoch":2}', 0.0125) == b'{"age":0.013,"spec":1,"epoch":2}'


@pytest.mark.parametrize(("age", "written"), [(-3.0, 0), (0.0, 0), (86400.0, 86400), (0.0004, 0)])
def test_age_is_never_below_zero(age: float, written: float) -> None:
    data = frames.aged(b'{"a":1}', age)
    assert json.loads(data) == {"age": written, "a": 1}
    assert frames.age_of(data) == written


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{}", ""),
        (b'{"age":"1"}', "/age"),
        (b'{"age":null}', "/age"),
        (b'{"age":-1}', "/age"),
        (b'{"age":1e400}', "/age"),
        (b'{"age":1,', ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_data_without_a_right_age_is_refused(data: bytes, path: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        frames.age_of(data)
    assert refused.value.problems[0].path == path


def test_heartbeat_says_where_its_sender_stands() -> None:
    heartbeat = frames.heartbeat_of(b'{"age":0,"epoch":2,"revision":7,"digest":"00","environment":"a/b","later":1}')
    assert (heartbeat.position, heartbeat.digest, heartbeat.environment) == (Position(2, 7), "00", "a/b")


@pytest.mark.parametrize(
    "data",
    [
        b'{"epoch":1,"revision":1}',
        b'{"epoch":-1,"revision":1,"digest":""}',
        b'{"epoch":1,"revision":9007199254740992,"digest":""}',
        b'{"epoch":1,"revision":1.5,"digest":""}',
        b'{"epoch":true,"revision":1,"digest":""}',
        b'{"epoch":1,"revision":%b,"digest":""}' % (b"9" * 4300),
    ],
)
def test_heartbeat_without_a_right_position_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidJson):
        frames.heartbeat_of(data)


@pytest.mark.parametrize("retry", [0, 1, 2**53 - 1])
def test_goodbye_says_when_to_come_back(retry: int) -> None:
    assert frames.goodbye_of(b'{"age":0,"retryMs":%d}' % retry).retry_ms == retry


@pytest.mark.parametrize("retry", [b"-1", b"9007199254740992", b'"5"', b"null"])
def test_goodbye_with_a_time_that_is_none_is_refused(retry: bytes) -> None:
    with pytest.raises(InvalidJson):
        frames.goodbye_of(b'{"age":0,"retryMs":%b}' % retry)


@pytest.mark.parametrize(("data", "answer"), [(b'{"from":0}', True), (b'{"from":null}', True), (b"{}", False)])
def test_document_with_from_is_a_delta(data: bytes, answer: bool) -> None:
    assert frames.is_delta(data) is answer
