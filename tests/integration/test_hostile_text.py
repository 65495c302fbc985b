"""Text that would do something elsewhere: scripts, paths, lines of a log, and secrets where none belong.

A real server, as a process, whose log is read at the end.
"""

import contextlib
import http.client
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.integration.test_api_access import NEEDED, E, filled
from tests.processes import processes
from tests.serving import Api, Process, process

SCRIPT = "<script>alert(document.cookie)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
ANSI = "\x1b[2J\x1b]0;owned\x07"
LINE = '{"event": "forged", "level": "error"}'
WAYS_UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..%252f", "....//", "/", "%00/")
PASSWORD = "correct horse battery, and nobody sees it"
ADMIN_PASSWORD = "another battery, which nobody sees either"
WRONG = "pennon_token_" + "Zx9-" * 10 + "abc"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Api]]:
    folder = tmp_path_factory.mktemp("hostile")
    secret = folder / "password"
    secret.write_text(ADMIN_PASSWORD + "\n")
    environ = {
        "PENNON_ADMIN_ACCOUNT": "root",
        "PENNON_ADMIN_PASSWORD_FILE": str(secret),
        "PENNON_LOG_FORMAT": "json",
        "PENNON_LOG_LEVEL": "debug",
        "PENNON_MAX_REQUEST_RATE": "0",
        "PENNON_SECRET_KEY": "a key that seals, and that nobody sees",
        "PENNON_OIDC_ISSUER": "http://127.0.0.1:9",  # nobody listens there
        "PENNON_OIDC_CLIENT_ID": "pennon",
        "PENNON_OIDC_CLIENT_SECRET": "a secret of the client, which nobody sees",
        "PENNON_PUBLIC_URL": "http://127.0.0.1",
    }
    with process(folder / "data", environ=environ) as both:
        yield both


@pytest.fixture(scope="module")
def api(running: tuple[Process, Api]) -> Api:
    return running[1]


@pytest.fixture(scope="module")
def written(api: Api) -> Api:
    """Give a server with a script in everything that takes text."""
    text = {"name": SCRIPT, "description": SCRIPT}
    api.made("POST", "projects", {"key": "p", **text})
    api.made("POST", "projects/p/environments", {"key": "e", **text})
    flag = {
        "key": "f",
        **text,
        "kind": "string",
        "tags": ["a"],
        "variations": [{"key": "on", "value": SCRIPT}, {"key": "off", "value": ""}],
    }
    api.made("POST", "projects/p/flags", flag)
    environment = "projects/p/environments/e"
    conditions = [{"attribute": SCRIPT, "op": "in", "values": [SCRIPT]}]
    rule = {"id": "r", "description": SCRIPT, "serve": {"variation": "on"}, "conditions": conditions}
    edits = [{"do": "turnOn", "flag": "f"}, {"do": "addRule", "flag": "f", "rule": rule}]
    api.made("POST", f"{environment}/changes", {"edits": edits, "why": SCRIPT})
    api.made("POST", f"{environment}/segments", {"key": "s", "included": [SCRIPT]})
    api.made("POST", f"{environment}/keys", {"kind": "server", "name": SCRIPT})
    api.made("POST", "accounts", {"key": "anne", "name": SCRIPT})
    api.made("POST", "tokens", {"name": SCRIPT, "role": "reader"})
    api.made("POST", "roles", {"key": "r", "description": SCRIPT, "permissions": ["read"]})
    proposed = [{"environment": "e", "edits": [{"do": "turnOff", "flag": "f"}]}]
    api.made("POST", "projects/p/requests", {"title": SCRIPT, "why": SCRIPT, "changes": proposed})
    return api


def asked(holder: Api, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
    """Return the answer, without the body if that is a stream, which does not end."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = None if body is None else json.dumps(body).encode()
    if content is not None:
        named.setdefault("Content-Type", "application/json")
    with holder.http.stream(method, path, headers=named, content=content) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return httpx2.Response(answer.status_code, headers=answer.headers)
        answer.read()
    return answer


def test_no_answer_of_the_api_is_a_page_whatever_is_written_in_it(written: Api) -> None:
    found = 0
    names = {"project": "p", "environment": "e", "flag": "f", "segment": "s", "account": "anne", "role": "r"}
    for route in (route for route in NEEDED if route.startswith("GET")):
        path = filled(route.partition(" ")[2], **names, revision="3").lstrip("/")
        for accept in ("*/*", "text/html"):
            answer = asked(written, "GET", path, Accept=accept)
            assert answer.headers["x-content-type-options"] == "nosniff", route
            kind = answer.headers.get("content-type", "")
            if path.startswith("sign-in/oidc") and accept == "text/html":  # it leads to a page, and says nothing itself
                assert answer.headers["location"].startswith("/sign-in")
                assert answer.text == ""
            else:
                assert kind.startswith(("application/json", "application/problem+json", "text/event-stream")), (
                    route,
                    kind,
                )
            found += "<script>alert" in answer.text
    assert found >= 15


def test_refusals_that_say_what_was_sent_are_no_pages_either(written: Api) -> None:
    for method, path, body in (
        ("GET", "projects/<script>alert(1)</script>", None),
        ("POST", "projects", {"key": SCRIPT}),
        ("POST", "projects/p/flags", {"key": "g", "<script>": 1}),
        ("DELETE", "sessions/<script>", None),
        ("GET", f"projects/p/environments/e/state?revision={SCRIPT}", None),
    ):
        answer = written.send(method, path, body, Accept="text/html")
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "base",
    [
        "/js/v1/",
        "/pages/",
        "/ofrep/v1/evaluate/flags/",
        "/api/v1/projects/default/flags/",
        "/api/v1/projects/",
    ],
)
def test_no_path_leads_to_a_file_of_the_server(running: tuple[Process, Api], base: str) -> None:
    server, api = running
    host = urlsplit(server.url)
    targets = ("pennon.db", "etc/passwd")
    for up, target in itertools.product(WAYS_UP, targets):
        with contextlib.closing(http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)) as wire:
            # As it stands: a client that is polite would make the path shorter.
            wire.putrequest("GET", base + up * 8 + target, skip_host=False)
            wire.putheader("Authorization", f"Bearer {api.token}")
            wire.endheaders()
            answer = wire.getresponse()
            body = answer.read()
        assert answer.status in (400, 401, 404, 405), (base, up, target, answer.status)
        for part in (b"SQLite format", b"root:", b"build-system", str(server.ready["data"]).encode()):
            assert part not in body


def test_keys_with_ways_up_are_keys_and_nothing_else(api: Api) -> None:
    for key in ("../x", "a/../../b", "..%2f", "/etc/passwd", "x\x00y"):
        for path, body in (("projects", {"key": key}), ("accounts", {"key": key})):
            assert api.send("POST", path, body).status_code in (400, 422), key


def test_nothing_that_is_sent_forges_a_line_of_the_log_or_a_terminal(running: tuple[Process, Api]) -> None:
    server, api = running
    hostile = f"x\r\n{LINE}\n{ANSI}\x9b31m"
    with api.as_holder_of(None) as stranger:
        for _ in range(6):
            stranger.send("POST", "session", {"account": "root\n" + LINE, "password": "wrong"})
        stranger.http.get(f"{server.url}/x%0d%0a{LINE}%1b[2J\u009b31m")
        stranger.send("GET", "sign-in/oidc/callback?error=" + "%0a%1b%5b2J" + LINE.replace(" ", "%20"))
    api.send("GET", "projects", X_Request_Id="a b" + ANSI.replace("\x07", "").replace("\x1b", "'"))
    api.made("POST", "accounts", {"key": "log", "email": "a@b"})
    api.send("POST", "projects", {"key": hostile, "name": hostile})
    lines = server.said().splitlines()
    assert len(lines) > 10
    for line in lines:
        assert json.loads(line)["event"] != "forged"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", server.said())


def test_the_command_line_shows_what_others_wrote_and_does_not_obey_it(
    running: tuple[Process, Api], tmp_path: Path
) -> None:
    server, api = running
    api.made("POST", "projects", {"key": "cli", "description": f"a{ANSI}\nb\x9b31m"})
    kind = {"kind": "string", "variations": [{"key": "on", "value": f"c{ANSI}\x9b31m"}, {"key": "off", "value": ""}]}
    api.made("POST", "projects/cli/environments", {"key": "e"})
    api.made("POST", "projects/cli/flags", {"key": "f", "description": f"d{ANSI}\r\x9b31m", **kind})
    environ = {**os.environ, "PENNON_URL": server.url, "PENNON_TOKEN": str(api.token), "XDG_CONFIG_HOME": str(tmp_path)}
    environ |= {"PENNON_PROJECT": "cli", "PENNON_ENVIRONMENT": "e"}
    for command in (["project", "list"], ["flag", "list"], ["flag", "show", "f"], ["flag", "show", "f", "--json"]):
        done = processes().run(command, environ=environ)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr), (command, done.stdout)


def test_no_secret_is_in_a_log_or_in_a_problem(running: tuple[Process, Api]) -> None:
    server, api = running
    api.made("POST", "accounts", {"key": "keeper", "grants": [{"role": "administrator"}]})
    api.made("PUT", "accounts/keeper/password", {"password": PASSWORD})
    secrets = {PASSWORD, ADMIN_PASSWORD, WRONG, str(api.token)}
    secrets |= {"a key that seals, and that nobody sees", "a secret of the client, which nobody sees"}
    for kind in ("server", "client", "edge"):
        made = api.made("POST", "projects/default/environments/production/keys", {"kind": kind})
        secrets.add(made["secret"])
    signing = {"kind": "client", "requireSignature": True}
    secrets.add(api.made("POST", "projects/default/environments/production/keys", signing)["signingSecret"])
    secrets.add(api.made("POST", "tokens", {"name": "t", "role": "reader"})["secret"])
    with api.as_holder_of(None) as browser:
        answer = browser.send("POST", "session", {"account": "keeper", "password": PASSWORD})
        secrets |= {answer.json()["csrf"], answer.cookies["pennon_session"]}
    shown = list(_problems(api, sorted(secrets)))
    assert len(shown) > 300
    for secret in secrets:
        assert secret not in server.said()
        for route, text in shown:
            assert secret not in text, (route, secret[:14])


def _problems(api: Api, secrets: list[str]) -> Iterator[tuple[str, str]]:
    """Send secrets wherever one could be sent, on every route, and yield what is answered that is no success."""
    with api.as_holder_of(WRONG) as wrong, api.as_holder_of(None) as stranger:
        for number, route in enumerate(NEEDED):
            method, _, template = route.partition(" ")
            if route.startswith("DELETE /sess") or template.endswith("/sessions"):
                continue
            one, other = secrets[number % len(secrets)], secrets[(number + 1) % len(secrets)]
            path = f"{filled(template).lstrip('/')}?token={one}&code={other}"
            body: Any = {"password": one, "secret": other, "current": one} if method in ("POST", "PUT") else None
            for holder, headers in (
                (api, {"User_Agent": one, "Idempotency_Key": other}),
                (wrong, {"X_API_Key": one}),
                (stranger, {"Authorization": f"Basic {one}", "X_Pennon_CSRF": other}),
                (stranger, {"Cookie": f"pennon_session={one}; pennon_sign_in={other}"}),
            ):
                answer = asked(holder, method, path, body, **headers)
                assert answer.status_code != 500, (route, answer.text)
                if answer.status_code >= 400:
                    yield route, answer.text


def test_the_table_of_routes_is_whole() -> None:
    assert len(NEEDED) > 80
    assert f"GET {E}" in NEEDED
