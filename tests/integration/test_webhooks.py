"""Webhooks of a real server, with a real far end that fails in every way."""

import base64
import contextlib
import hashlib
import hmac
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_cli import Shell
from tests.receiver import Posted, Receiver, answering, hanging, receiving
from tests.serving import Api, Process, serving

HOOKS = "projects/default/webhooks"
PRODUCTION = "projects/default/environments/production"
HERE = ("127.0.0.0/8",)
DOC = Path(__file__).parents[2] / "docs" / "how-to" / "webhooks.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("webhooks") / "data", webhook_networks=HERE) as (_, api):
        api.made("POST", "projects/default/flags", {"key": "f"})
        yield api


@pytest.fixture
def api(running: Api) -> Iterator[Api]:
    """A server without webhooks, whose flag is off."""
    yield running
    for each in running.made("GET", HOOKS)["items"]:
        running.made("DELETE", f"{HOOKS}/{each['key']}")
    running.made("PUT", PRODUCTION, {})
    change(running, "turnOff")


def hook(api: Api, receiver: Receiver, key: str = "team", **wish: Any) -> Any:
    return api.made("POST", HOOKS, {"key": key, "url": receiver.url, "events": ["flags.changed"], **wish})


def change(api: Api, do: str = "turnOn", **more: Any) -> Any:
    return api.made("POST", f"{PRODUCTION}/changes", {"edits": [{"do": do, "flag": "f"}], **more})


def deliveries(api: Api, key: str = "team", state: str = "") -> list[Any]:
    found: list[Any] = api.made("GET", f"{HOOKS}/{key}/deliveries{f'?state={state}' if state else ''}")["items"]
    return found


def eventually(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)
    return result


def verified(posted: Posted, secret: str) -> bool:
    """Verify as the documentation says that a receiver does."""
    code = re.search(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)  # the documentation's own example
    result: bool = names["is_genuine"](secret, posted.headers, posted.body)
    return result


def test_a_change_arrives_signed_as_the_documentation_verifies_it(api: Api, receiver: Receiver) -> None:
    secret = hook(api, receiver)["secret"]
    made = change(api, why="go")
    posted = receiver.next()
    assert posted.json["type"] == "flags.changed"
    assert posted.json["data"]["changeId"] == made["changeId"]  # type: ignore[index]
    assert verified(posted, secret)
    assert not verified(posted, "whsec_" + base64.b64encode(b"x" * 32).decode())
    forged = Posted(posted.path, posted.headers, posted.body + b" ")
    assert not verified(forged, secret)
    old = {**posted.headers, "webhook-timestamp": "1"}
    mac = hmac.new(
        base64.b64decode(secret.removeprefix("whsec_")),
        f"{old['webhook-id']}.1.".encode() + posted.body,
        hashlib.sha256,
    )
    old["webhook-signature"] = "v1," + base64.b64encode(mac.digest()).decode()
    assert not verified(Posted(posted.path, old, posted.body), secret)
    assert "secret" not in str(api.made("GET", f"{HOOKS}/team"))


def test_both_secrets_sign_while_they_are_rotated(api: Api, receiver: Receiver) -> None:
    old = hook(api, receiver)["secret"]
    new = api.made("POST", f"{HOOKS}/team/rotate", {})["secret"]
    change(api)
    posted = receiver.next()
    assert verified(posted, old)
    assert verified(posted, new)
    newest = api.made("POST", f"{HOOKS}/team/rotate", {"overlapSeconds": 0})["secret"]
    change(api, "turnOff")
    posted = receiver.next()
    assert verified(posted, newest)
    assert not verified(posted, new)


def test_what_fails_is_tried_again_under_one_id_and_the_answer_is_shown(api: Api, receiver: Receiver) -> None:
    hook(api, receiver)
    receiver.behaviour = answering(500, b"out of order")
    change(api)
    first = receiver.next()
    [failed] = eventually(lambda: [each for each in deliveries(api) if each["attempts"]])
    assert (failed["state"], failed["status"], failed["said"]) == ("pending", 500, "out of order")
    assert failed["id"] == first.headers["webhook-id"]
    receiver.behaviour = answering(200)
    api.made("POST", f"{HOOKS}/team/deliveries/{failed['id']}/redeliver")
    second = receiver.next()
    assert (second.headers["webhook-id"], second.body) == (first.headers["webhook-id"], first.body)
    eventually(lambda: deliveries(api, state="delivered"))


def test_410_disables_a_webhook_and_what_waited_is_dead_until_it_is_sent_again(api: Api, receiver: Receiver) -> None:
    hook(api, receiver)
    receiver.behaviour = answering(410)
    change(api)
    change(api, "turnOff")
    eventually(lambda: not api.made("GET", f"{HOOKS}/team")["enabled"])
    eventually(lambda: len(deliveries(api, state="dead")) == 2)
    last = api.made("GET", "projects/default/changes")["items"][0]
    assert (last["action"], last["actor"]["kind"], last["why"]) == (
        "disableWebhook",
        "system",
        "its endpoint answered 410 Gone",
    )
    assert api.send("POST", f"{HOOKS}/team/deliveries/redeliver").status_code == 409
    receiver.behaviour = answering(204)
    api.made("PUT", f"{HOOKS}/team", {**api.made("GET", f"{HOOKS}/team"), "enabled": True})
    assert api.made("POST", f"{HOOKS}/team/deliveries/redeliver") == {"redelivered": 2}
    eventually(lambda: len(deliveries(api, state="delivered")) == 2)


def test_a_dead_endpoint_holds_up_nobody_else(api: Api, receiver: Receiver) -> None:
    with receiving() as dead:
        dead.behaviour = hanging
        for number in range(3):
            hook(api, dead, f"dead{number}")
        hook(api, receiver)
        change(api)
        change(api, "turnOff")
        assert [receiver.next().json["type"] for _ in range(2)] == ["flags.changed", "flag.turnedOff"]
        assert [each["state"] for each in deliveries(api, "dead0")] == ["pending"] * 2


def test_a_broken_glass_is_told_to_all_in_the_answer_and_in_the_metrics(api: Api, receiver: Receiver) -> None:
    api.made("PUT", PRODUCTION, {"production": True, "protection": {"approvals": 1}})
    hook(api, receiver, "keys", events=["key.changed"])
    hook(api, receiver, "chat", events=["key.changed"], format="slack")
    hook(api, receiver, "staging", events=["key.changed"], environments=["development"])
    made = change(api, breakGlass=True, why="the shop is on fire")
    assert made["breakGlass"] is True
    told = [receiver.next().json for _ in range(2)]
    assert {each.get("type") for each in told} == {"glass.broken", None}
    own = next(each for each in told if "type" in each)
    assert own["data"]["breakGlass"] is True  # type: ignore[index]
    chat = next(each for each in told if "text" in each)
    assert "broke the glass: the shop is on fire" in str(chat["text"])
    eventually(lambda: deliveries(api, "keys", state="delivered"))
    assert deliveries(api, "staging") == []
    metrics = api.http.get(f"{api.url}/metrics").text
    assert "pennon_break_glass_total 1.0" in metrics
    assert 'pennon_webhook_attempts_total{outcome="delivered"}' in metrics
    assert change(api, "turnOff")["breakGlass"] is False


def test_an_import_of_many_flags_is_one_delivery_of_bounded_size(api: Api, receiver: Receiver) -> None:
    hook(api, receiver, events=[])
    receiver.next()  # that it was made
    edits = [{"do": "putFlag", "definition": {"key": f"flag-{number}"}} for number in range(2000)]
    api.made("POST", f"{PRODUCTION}/imports", {"from": "flagd", "edits": edits})
    posted = receiver.next()
    assert len(posted.body) < 32 * 1024
    places = posted.json["data"]["changes"]  # type: ignore[index]
    assert [len(each["items"]) + each["more"] for each in places] == [2000] * 3
    eventually(lambda: len(deliveries(api, state="delivered")) == 2)
    assert receiver.is_empty()


def test_a_webhook_is_shown_as_it_may_be_sent_back(api: Api, receiver: Receiver) -> None:
    made = hook(api, receiver, environments=["production"])["webhook"]
    shown = api.send("GET", f"{HOOKS}/team")
    assert shown.json() == made
    assert api.made("PUT", f"{HOOKS}/team", shown.json(), If_Match=shown.headers["ETag"]) == made
    changed = api.made("PUT", f"{HOOKS}/team", {"description": "ours"})
    assert (changed["url"], changed["description"], changed["environments"]) == (receiver.url, "ours", [])
    stale = api.send("PUT", f"{HOOKS}/team", {}, If_Match=shown.headers["ETag"])
    assert (stale.status_code, stale.json()["current"]["description"]) == (412, "ours")
    assert [each["key"] for each in api.made("GET", HOOKS)["items"]] == ["team"]
    api.made("DELETE", f"{HOOKS}/team")
    assert api.send("GET", f"{HOOKS}/team").status_code == 404
    assert api.send("GET", f"{HOOKS}/team/deliveries").status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "https://user:pw@hooks.example/"}, "/url"),
        ({"url": "https://hooks.example/", "events": ["flags.burnt"]}, "/events/0"),
        ({"url": "https://hooks.example/", "environments": ["production", "nowhere"]}, "/environments/1"),
        ({"url": "https://hooks.example/", "key": "Not A Key"}, "/key"),
        ({"url": "https://hooks.example/", "format": "morse"}, "/format"),
    ],
)
def test_what_cannot_be_a_webhook_is_told_where_and_why(api: Api, body: dict[str, Any], path: str) -> None:
    refused = api.send("POST", HOOKS, {"key": "bad", **body})
    assert refused.status_code == 422, refused.text
    assert path in [each["path"] for each in refused.json()["problems"]]
    assert all(each["mend"] for each in refused.json()["problems"])


def test_a_command_that_is_sent_again_makes_one_webhook_and_tells_no_secret(api: Api, receiver: Receiver) -> None:
    body = {"key": "team", "url": receiver.url}
    first = api.made("POST", HOOKS, body, Idempotency_Key="1")
    again = api.made("POST", HOOKS, body, Idempotency_Key="1")
    assert again["secret"] is None
    assert again["webhook"]["version"] == first["webhook"]["version"]
    assert api.made("GET", f"{HOOKS}/team")["url"] == receiver.url
    assert api.send("POST", HOOKS, body).status_code == 409


def test_the_url_and_the_secret_are_in_no_log_row_and_only_managers_see_them(api: Api, receiver: Receiver) -> None:
    secret = hook(api, receiver)["secret"]
    reader = api.made("POST", "tokens", {"name": "Rita", "role": "reader"})["secret"]
    with api.as_holder_of(reader) as rita:
        changes = rita.http.get("projects/default/changes").text
        assert "webhook team created" in changes
        assert "/hook" not in changes
        assert secret not in changes
        for path in (HOOKS, f"{HOOKS}/team", f"{HOOKS}/team/deliveries"):
            assert rita.send("GET", path).status_code == 403


def test_what_was_accepted_is_delivered_by_the_next_server_when_one_is_killed(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour = hanging
    environ = {"PENNON_WEBHOOK_NETWORKS": HERE[0]}
    server = Process(tmp_path / "data", environ=environ)
    try:
        with Api(server.url, server.ready["administratorToken"]) as api:
            api.made("POST", "projects/default/flags", {"key": "f"})
            hook(api, receiver, events=["flags.changed", "flag.turnedOff"])
            made = [change(api)["changeId"], change(api, "turnOff")["changeId"]]
            assert receiver.next().json["data"]["changeId"] == made[0]  # type: ignore[index]
    finally:
        server.stop(signal.SIGKILL)
    receiver.behaviour = answering(200)
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "pennon.db")) as database:
        # As if a minute had passed: until then the line is the dead server's.
        database.execute("UPDATE webhook_lines SET claimed_until = 0")
        database.commit()
    again = Process(tmp_path / "data", environ=environ)
    try:
        arrived = [receiver.next().json["data"]["changeId"] for _ in range(2)]  # type: ignore[index]
    finally:
        again.stop()
    assert arrived == made


def test_pennon_webhook_makes_tests_and_lists(api: Api, receiver: Receiver, tmp_path: Path) -> None:
    shell = Shell(api, tmp_path)
    made = shell.done("webhook", "create", "team", receiver.url, "--format", "slack", "--event", "flags.changed")
    assert re.search(r"whsec_\S+=", made)
    assert "it arrived: 200" in shell.done("webhook", "test", "team")
    receiver.behaviour = answering(404, b"no such channel")
    failed = shell.run("webhook", "test", "team")
    assert failed.returncode == 1
    assert "404 no such channel" in failed.stderr
    assert "dead; 1 failed: 404 no such channel" in shell.done("webhook", "deliveries", "team")
    receiver.behaviour = answering(200)
    assert "1 deliveries are sent again" in shell.done("webhook", "redeliver", "team", "--dead")
    assert "disabled" in shell.done("webhook", "edit", "team", "--disable", "--event", "all")
    [shown] = shell.json("webhook", "list")
    assert (shown["enabled"], shown["events"], shown["format"]) == (False, [], "slack")
    shell.done("webhook", "delete", "team")
