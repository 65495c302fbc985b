"""What goes wrong over HTTP: each class of error, lost races, commands sent twice, and input made to hurt."""

import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pennon.control import errors
from pennon.control.api.errors import STATUSES, kind_of, status_of
from tests.serving import Api, serving

E = "projects/default/environments/production"
FLAG = f"{E}/flags/raced"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("errors") / "data") as (_, client):
        client.made("POST", "projects/default/flags", {"key": "raced"})
        yield client


def problem(api: Api, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    answer = api.send(method, path, body, **headers)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    details = answer.json()
    assert details["status"] == answer.status_code
    assert details["requestId"] == answer.headers["X-Request-Id"]
    assert details["type"].startswith("urn:pennon:problem:")
    assert details["title"]
    assert details["detail"].endswith(".")
    assert details["instance"].startswith("/api/v1/")
    return answer.status_code, details


def test_every_error_of_the_control_plane_has_a_status() -> None:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.PennonError)]
    without = {each.__name__ for each in found if status_of(each) is None}
    # The base is never raised by itself, and a server whose storage is unusable does not start.
    assert without == {"PennonError", "StorageUnusable"}
    assert len(found) > len(STATUSES)
    assert kind_of(errors.FlagStillRequired) == "flag-still-required"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("projects/none", "project 'none'"),
        ("projects/none/environments/production", "project 'none'"),
        ("projects/default/environments/none", "environment 'none'"),
        ("projects/default/environments/none/flags/x", "environment 'none'"),
        ("projects/default/flags/none", "flag 'none'"),
        (f"{E}/flags/none", "flag 'none'"),
        (f"{E}/segments/none", "segment 'none'"),
        (f"{E}/layers/none", "layer 'none'"),
        (f"{E}/changes/999", "revision '999'"),
        (f"{E}/state?revision=999", "revision"),
        (f"{E}/diff?from=0&to=999", "revision"),
    ],
)
def test_a_404_names_what_was_not_found(api: Api, path: str, named: str) -> None:
    status, details = problem(api, "GET", path)
    assert (status, named in details["detail"]) == (404, True), details


def test_an_unknown_path_and_a_wrong_method_are_told(api: Api) -> None:
    assert problem(api, "GET", "nothing/here")[1]["type"] == "urn:pennon:problem:no-such-path"
    answer = api.send("PATCH", "projects")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert problem(api, "DELETE", "projects")[1]["type"] == "urn:pennon:problem:method-not-allowed"


def test_what_is_there_already_is_a_409(api: Api) -> None:
    status, details = problem(api, "POST", "projects/default/flags", {"key": "raced"})
    assert (status, details["type"]) == (409, "urn:pennon:problem:already-exists")


def test_a_flag_that_others_need_is_not_deleted(api: Api) -> None:
    for key in ("needed", "needing"):
        api.made("POST", "projects/default/flags", {"key": key})
    edit = {"do": "addPrerequisite", "flag": "needing", "prerequisite": {"flag": "needed", "variations": ["on"]}}
    api.made("POST", f"{E}/changes", {"edits": [edit]})
    status, details = problem(api, "DELETE", "projects/default/flags/needed?confirm=needed")
    assert (status, details["type"]) == (409, "urn:pennon:problem:flag-still-required")
    assert "needing" in details["detail"]


def test_a_change_that_later_ones_stand_on_is_not_taken_back(api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "stacked"})
    first = api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "stacked"}]})
    api.made("POST", f"{E}/changes", {"edits": [{"do": "setOffVariation", "flag": "stacked", "variation": "on"}]})
    status, details = problem(api, "POST", f"{E}/changes/{first['revision']}/revert", {})
    assert (status, details["type"]) == (409, "urn:pennon:problem:changed-since")
    assert details["problems"][0]["path"]


@pytest.mark.parametrize("noun", ["flag", "definition", "project", "environment", "segment", "layer"])
def test_who_loses_a_race_gets_a_412_with_the_state_that_is(api: Api, noun: str) -> None:
    if noun in ("segment", "layer"):
        api.made("POST", f"{E}/{noun}s", {"key": "raced"})
    path, field, value = {
        "flag": (FLAG, "on", True),
        "definition": ("projects/default/flags/raced", "name", "Raced"),
        "project": ("projects/default", "name", "Raced"),
        "environment": (E, "name", "Raced"),
        "segment": (f"{E}/segments/raced", "included", ["u1"]),
        "layer": (f"{E}/layers/raced", "by", "account"),
    }[noun]
    read = api.send("GET", path)
    won = api.send("PUT", path, {**read.json(), field: value}, If_Match=read.headers["ETag"])
    assert won.status_code == 200, won.text
    status, details = problem(api, "PUT", path, read.json(), If_Match=read.headers["ETag"])
    assert (status, details["type"]) == (412, "urn:pennon:problem:precondition-failed")
    assert details["current"] == api.made("GET", path) == won.json()


def test_edits_that_expect_another_state_change_nothing(api: Api) -> None:
    before = api.made("GET", f"{E}/state")
    edits = [{"do": "turnOff", "flag": "raced"}]
    status, details = problem(api, "POST", f"{E}/changes", {"edits": edits, "expected": {"revision": 1}})
    assert (status, details["current"]["revision"]) == (412, before["revision"])
    status, details = problem(api, "POST", f"{E}/changes", {"edits": edits, "expected": {"flags": {"raced": 999}}})
    assert (status, details["current"]["key"]) == (412, "raced")
    assert api.made("GET", f"{E}/state") == before


def test_the_same_command_sent_twice_is_one_change(api: Api) -> None:
    body = {"key": "once"}
    first = api.send("POST", "projects/default/flags", body, Idempotency_Key="create-once")
    again = api.send("POST", "projects/default/flags", body, Idempotency_Key="create-once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["X-Pennon-Revision"] == again.headers["X-Pennon-Revision"]
    status, details = problem(api, "POST", "projects/default/flags", {"key": "twice"}, Idempotency_Key="create-once")
    assert (status, details["type"]) == (422, "urn:pennon:problem:idempotency-key-reused")
    turned = [api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "once"}]}, Idempotency_Key="t")]
    api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOff", "flag": "once"}]})
    turned += [api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "once"}]}, Idempotency_Key="t")]
    assert turned[0]["revision"] == turned[1]["revision"]
    assert api.made("GET", f"{E}/flags/once")["on"] is False


def test_a_key_made_twice_shows_its_secret_once(api: Api) -> None:
    first = api.made("POST", f"{E}/keys", {"kind": "server"}, Idempotency_Key="k")
    again = api.made("POST", f"{E}/keys", {"kind": "server"}, Idempotency_Key="k")
    assert first["key"] == again["key"]
    assert (first["secret"] is None, again["secret"]) == (False, None)


def test_every_fault_of_a_body_is_named_at_once(api: Api) -> None:
    body = {"on": "yes", "rulez": [], "fallthrough": {"split": {"weights": [{"variation": "on"}]}}}
    status, details = problem(api, "PUT", FLAG, body)
    assert (status, details["type"]) == (422, "urn:pennon:problem:invalid")
    mends = {each["path"]: each["mend"] for each in details["problems"]}
    assert mends == {
        "/on": "send true or false",
        "/rulez": "did you mean 'rules'?",
        "/fallthrough/split/weights/0/weight": "add it",
    }


def test_what_is_well_formed_but_makes_no_sense_is_a_422_with_its_place(api: Api) -> None:
    status, details = problem(api, "PUT", FLAG, {"fallthrough": {"variation": "none"}, "offVariation": "gone"})
    assert status == 422
    assert {each["path"] for each in details["problems"]} == {"/fallthrough/variation", "/offVariation"}
    assert all(each["mend"] for each in details["problems"])


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("projects?limit=0", "GET", {}),
        ("projects?limit=many", "GET", {}),
        ("projects?after=a%00b", "GET", {}),
        (f"{E}/flags?search=%0A", "GET", {}),
        (f"{E}/flags/a%00b", "GET", {}),
        ("projects/a%00b", "GET", {}),
        (f"{E}/diff?from=1", "GET", {}),
        (f"{E}/diff?from=-1&to=1", "GET", {}),
        (f"{E}/diff?from=1&to=99999999999999999999999", "GET", {}),
        (f"{E}/changes?after=null", "GET", {}),
        (f"{E}/state?time=yesterday", "GET", {}),
        (f"{E}/state?time=2026-01-01T00:00:00", "GET", {}),
        (f"{E}/counts?from=noon", "GET", {}),
        ("projects/default/flags/raced?confirm=raced", "DELETE", {"If_Match": "first"}),
        ("projects/default/flags/raced?confirm=raced", "DELETE", {"Idempotency_Key": "k" * 201}),
    ],
)
def test_a_bad_parameter_is_a_400_that_says_what_to_send(
    api: Api, path: str, method: str, headers: dict[str, str]
) -> None:
    status, details = problem(api, method, path, **headers)
    assert (status, details["type"]) == (400, "urn:pennon:problem:bad-parameter"), details
    assert all(each["mend"] for each in details["problems"])
    assert details["problems"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_is_not_said_to_be_json_is_a_415(api: Api, kind: str) -> None:
    status, details = problem(api, "POST", "projects", b'{"key":"a"}', Content_Type=kind)
    assert (status, details["type"]) == (415, "urn:pennon:problem:not-json")


def test_json_with_a_charset_is_taken(api: Api) -> None:
    answer = api.send("POST", "projects", {"key": "charset"}, Content_Type="Application/JSON; charset=UTF-8")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"key":"\xed\xa0\x80"}', 400),
        (b'{"key":"\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b'{"key":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"key":"a\\u0000b"}', 422),
        (b'{"key":NaN}', 400),
        (b'{"key":1e999}', 400),
        (b'{"key":' + b"9" * 5000 + b"}", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"key"', 422),
        ('{"key":"\u202eevil\u0007"}'.encode(), 400),
        ('{"key":"ключ"}'.encode(), 422),
        (b'{"key":"a","name":"' + b"x" * 300 + b'"}', 422),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(api: Api, body: bytes, status: int) -> None:
    before = api.made("GET", "projects")
    found, details = problem(api, "POST", "projects", body)
    assert found == status, details
    assert api.made("GET", "projects") == before


def test_ten_megabytes_are_too_many(api: Api) -> None:
    body = json.dumps({"key": "big", "description": "x" * 10_000_000}).encode()
    status, details = problem(api, "POST", "projects/default/flags", body)
    assert (status, details["type"]) == (413, "urn:pennon:problem:too-large")
    assert api.send("GET", "projects/default/flags/big").status_code == 404


def test_a_segment_of_megabytes_is_taken(api: Api) -> None:
    keys = [f"user-{index:08}" for index in range(200_000)]
    answer = api.send("POST", f"{E}/segments", {"key": "large", "included": keys})
    assert answer.status_code == 201, answer.text[:500]
    assert len(api.made("GET", f"{E}/segments/large")["included"]) == 200_000


def raw(api: Api, request: bytes, *, end: bool) -> bytes:
    """Send *request* as it is, and return what came back until the server closed the connection."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            if b"\r\n\r\n" in received and not end:
                return received
    return received


def lying(api: Api, length: str, body: bytes) -> bytes:
    head = (
        f"POST /api/v1/projects HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {api.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


def test_a_body_shorter_than_it_says_changes_nothing(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        raw(api, lying(api, "1000", b'{"key":"short"}'), end=True)
    assert api.send("GET", "projects/short").status_code == 404
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_follows_a_body_longer_than_it_says_is_no_part_of_it(api: Api) -> None:
    answer = raw(api, lying(api, "14", b'{"key":"long"}{"key":"longer"}'), end=True)
    assert b"HTTP/1.1 400 " in answer
    assert api.send("GET", "projects/longer").status_code == 404


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999", "5, 6", ""])
def test_a_length_that_is_none_is_refused(api: Api, length: str) -> None:
    status = raw(api, lying(api, length, b'{"key":"none"}'), end=False).split(b" ")[1]
    assert status in (b"400", b"413"), status
    assert api.send("GET", "projects/none").status_code == 404


def test_a_chunked_body_is_bounded_too(api: Api) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"key":"chunked","description":"'
        for _ in range(100):
            yield b"x" * 65536
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    answer = api.http.post(f"{api.url}/api/v1/projects", content=chunks(), headers=headers)
    assert answer.status_code == 413


def test_a_request_id_that_is_sane_is_kept_and_another_is_not(api: Api) -> None:
    assert api.send("GET", "projects", X_Request_Id="my-id.1").headers["X-Request-Id"] == "my-id.1"
    for bad in ("a b", "x" * 65, "<script>", '"', "-leading"):
        assert api.send("GET", "projects", X_Request_Id=bad).headers["X-Request-Id"] != bad


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    limits: Any = {"max_rules": 1, "max_value_bytes": 64, "max_segment_bytes": 2048, "max_context_bytes": 128}
    rule = {"id": "r", "conditions": [], "serve": {"variation": "on"}}
    with serving(tmp_path / "data", **limits) as (_, strict):
        strict.made("POST", "projects/default/flags", {"key": "f"})
        rules = [rule, {**rule, "id": "s"}]
        refused = {
            ("PUT", f"{E}/flags/f"): {"fallthrough": {"variation": "on"}, "rules": rules},
            ("POST", "projects/default/flags"): {
                "key": "g",
                "kind": "string",
                "variations": [{"key": "a", "value": "x" * 100}],
            },
            ("POST", f"{E}/segments"): {"key": "s", "included": [f"user-{each:05}" for each in range(300)]},
            ("POST", f"{E}/explain"): {"flag": "f", "context": {"targetingKey": "x" * 200}},
        }
        for (method, path), body in refused.items():
            status, details = problem(strict, method, path, body)
            assert status == 422, (path, details)
            assert re.search("limit|at most", details["problems"][0]["message"]), details
        assert strict.made("PUT", f"{E}/flags/f", {"fallthrough": {"variation": "on"}, "rules": [rule]})["rules"]


def test_the_server_is_well_after_all_that(api: Api) -> None:
    assert api.http.get(f"{api.url}/readyz").json() == {"status": "ready"}
    assert api.made("GET", "projects/default")["key"] == "default"
