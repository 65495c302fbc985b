"""Who gets in: nobody without a credential, and nobody further than their role and project."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute

from pennon.stream.endpoints import ENDPOINTS
from tests.serving import Api, InProcess, serving

SECURITY = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ROLES = ("reader", "developer", "administrator")
E = "/projects/{project}/environments/{environment}"
NEEDED = {
    "GET /projects": "reader",
    "GET /signing-keys": "administrator",
    "POST /signing-keys": "administrator",
    "POST /signing-keys/rotate": "administrator",
    "DELETE /signing-keys/{key}": "administrator",
    "POST /projects": "administrator",
    "GET /projects/{project}": "reader",
    "PUT /projects/{project}": "administrator",
    "DELETE /projects/{project}": "administrator",
    "GET /projects/{project}/changes": "reader",
    "GET /projects/{project}/environments": "reader",
    "POST /projects/{project}/environments": "administrator",
    f"GET {E}": "reader",
    f"PUT {E}": "administrator",
    f"DELETE {E}": "administrator",
    "GET /projects/{project}/flags": "reader",
    "POST /projects/{project}/flags": "developer",
    "GET /projects/{project}/flags/{flag}": "reader",
    "PUT /projects/{project}/flags/{flag}": "developer",
    "DELETE /projects/{project}/flags/{flag}": "developer",
    f"GET {E}/flags": "reader",
    f"GET {E}/flags/{{flag}}": "reader",
    f"PUT {E}/flags/{{flag}}": "developer",
    f"GET {E}/segments": "reader",
    f"POST {E}/segments": "developer",
    f"GET {E}/segments/{{segment}}": "reader",
    f"PUT {E}/segments/{{segment}}": "developer",
    f"DELETE {E}/segments/{{segment}}": "developer",
    f"GET {E}/layers": "reader",
    f"POST {E}/layers": "developer",
    f"GET {E}/layers/{{layer}}": "reader",
    f"PUT {E}/layers/{{layer}}": "developer",
    f"DELETE {E}/layers/{{layer}}": "developer",
    f"GET {E}/changes": "reader",
    f"POST {E}/changes": "developer",
    f"POST {E}/changes/preview": "developer",
    f"POST {E}/imports": "developer",
    f"POST {E}/imports/preview": "developer",
    f"GET {E}/changes/{{revision}}": "reader",
    f"POST {E}/changes/{{revision}}/revert": "developer",
    f"GET {E}/diff": "reader",
    f"GET {E}/state": "reader",
    f"POST {E}/explain": "reader",
    f"GET {E}/counts": "reader",
    f"GET {E}/propagation": "reader",
    f"GET {E}/keys": "developer",
    f"POST {E}/keys": "administrator",
    f"POST {E}/keys/{{key}}/rotate": "administrator",
    f"DELETE {E}/keys/{{key}}": "administrator",
    "GET /tokens": "administrator",
    "POST /tokens": "administrator",
    "DELETE /tokens/{token}": "administrator",
    "GET /installation/changes": "administrator",
    "GET /openapi.json": "reader",
}
"""The role that each route of the admin API takes. One that is not listed fails the test below."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("access") / "data") as both:
        yield both


@pytest.fixture(scope="module")
def api(running: tuple[InProcess, Api]) -> Api:
    return running[1]


def routes(app: Litestar) -> set[str]:
    """Return every method and path template of *app*, what is mounted too."""
    found: set[str] = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found |= {f"{method} {route.path_format}" for method in route.methods}
        else:
            assert isinstance(route, ASGIRoute)
    rests = {"/ofrep/v1/evaluate/flags/": "{flag}", "/client/v1/rules/": "{clientKey}"}
    for endpoint in ENDPOINTS:
        path = endpoint.path + (rests[endpoint.path] if endpoint.takes_rest else "")
        found |= {f"{endpoint.method} {path}", f"OPTIONS {path}"}
    return found


def filled(template: str, **parts: str) -> str:
    """Return a path of *template*: in the default project, of things that are not there."""
    known = {"project": "default", "environment": "production", "revision": "99999", "key": "0f0f", "token": "0f0f"}
    return re.sub(r"\{(\w+)\}", lambda match: {**known, **parts}.get(match[1], "nothing"), template)


def listed() -> set[str]:
    """Return what the documentation says is open."""
    rows = (line.split(" | ")[0] for line in SECURITY.read_text().splitlines() if line.startswith("| `"))
    return {request for row in rows for request in re.findall(r"`((?:GET|POST|OPTIONS) /[^`]*)`", row)}


def test_nothing_answers_without_a_credential_but_what_the_documentation_lists(
    running: tuple[InProcess, Api],
) -> None:
    server, api = running
    every = routes(server.app)
    assert len(every) > 50
    answering = set()
    with api.as_holder_of(None) as stranger:
        for route in sorted(every):
            method, _, template = route.partition(" ")
            url = stranger.url + filled(template)
            statuses = {
                stranger.http.request(each, url).status_code for each in (method, *(["HEAD"] * (method == "GET")))
            }
            if statuses != {401}:
                assert not statuses & {403, 500}, (route, statuses)
                answering.add(route)
    assert answering == listed()


def test_a_method_that_a_path_does_not_take_does_nothing_for_a_stranger(running: tuple[InProcess, Api]) -> None:
    server, api = running
    taken = routes(server.app)
    with api.as_holder_of(None) as stranger:
        for template in {route.partition(" ")[2] for route in taken}:
            for method in METHODS:
                if f"{'GET' if method == 'HEAD' else method} {template}" not in taken:
                    status = stranger.http.request(method, stranger.url + filled(template)).status_code
                    assert status in (401, 403, 404, 405), (method, template, status)


def test_every_route_takes_the_role_that_is_listed_and_no_lower_one(running: tuple[InProcess, Api]) -> None:
    server, api = running
    prefix = "/api/v1"
    admin = {route.replace(f" {prefix}", " ") for route in routes(server.app) if f" {prefix}" in route}
    assert {route for route in admin if not route.startswith("OPTIONS")} == set(NEEDED)
    for role in ROLES:
        secret = api.made("POST", "tokens", {"name": role, "role": role})["secret"]
        with api.as_holder_of(secret) as holder:
            for route, needed in NEEDED.items():
                method, _, template = route.partition(" ")
                # What could be changed or deleted is in a project that is not there.
                path = filled(template, **({} if method == "GET" else {"project": "none"}))
                answer = holder.send(method, path.lstrip("/"), {} if method in ("POST", "PUT") else None)
                allowed = ROLES.index(role) >= ROLES.index(needed)
                assert (answer.status_code not in (401, 403)) == allowed, (role, route, answer.text)
                if not allowed:
                    assert needed in answer.json()["detail"], (route, answer.text)
                assert answer.status_code < 500, (route, answer.text)


def test_a_token_of_one_project_acts_in_no_other(api: Api) -> None:
    api.made("POST", "projects", {"key": "mine"})
    secret = api.made("POST", "tokens", {"name": "mine", "role": "administrator", "project": "mine"})["secret"]
    with api.as_holder_of(secret) as holder:
        assert [each["key"] for each in holder.made("GET", "projects")["items"]] == ["mine"]
        assert holder.send("POST", "projects/mine/flags", {"key": "f"}).status_code == 201
        for route in NEEDED.keys() - {"GET /projects", "GET /openapi.json"}:
            method, _, template = route.partition(" ")
            body: object = {} if method in ("POST", "PUT") else None
            answer = holder.send(method, filled(template).lstrip("/"), body)
            assert answer.status_code == 403, (route, answer.text)
            assert "'mine'" in answer.json()["detail"]


def test_an_edge_key_cannot_be_given_another_projects_environment(api: Api) -> None:
    api.made("POST", "projects", {"key": "theirs"})
    api.made("POST", "projects/theirs/environments", {"key": "production"})
    secret = api.made("POST", "tokens", {"name": "t", "role": "administrator", "project": "theirs"})["secret"]
    body: object = {"kind": "edge", "environments": ["default/production"]}
    with api.as_holder_of(secret) as holder:
        refused = holder.send("POST", "projects/theirs/environments/production/keys", body)
        assert refused.status_code == 403
    assert api.made("POST", "projects/theirs/environments/production/keys", body)["key"]["kind"] == "edge"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Basic cGVubm9uOnBlbm5vbg==", "Bearer nonsense", "Bearer pennon_token_" + "a" * 43],
)
def test_what_is_no_good_token_gets_a_401_that_says_how_to_send_one(api: Api, authorization: str) -> None:
    with api.as_holder_of(None) as stranger:
        answer = stranger.send("GET", "projects", Authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pennon"'
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert "nonsense" not in answer.text


def test_an_expired_token_is_refused(api: Api) -> None:
    answer = api.send("POST", "tokens", {"name": "late", "role": "reader", "notAfter": 1})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "/notAfter")


def test_keys_do_not_open_the_admin_api_nor_tokens_what_sdks_call(api: Api) -> None:
    for kind in ("server", "client", "edge"):
        with api.as_holder_of(api.key(kind=kind)) as holder:
            assert holder.send("GET", "projects").status_code == 401
    for path in ("/sdk/v1/snapshot", "/sdk/v1/stream"):
        assert api.http.get(api.url + path).status_code == 401


def test_metrics_take_a_token_unless_the_setting_opens_them(api: Api, tmp_path: Path) -> None:
    with api.as_holder_of(None) as stranger:
        assert stranger.http.get(f"{api.url}/metrics").status_code == 401
    scraped = api.http.get(f"{api.url}/metrics")
    assert scraped.status_code == 200
    assert re.search(r'pennon_http_requests_total{method="GET",route="/metrics",status="401"} [1-9]', scraped.text)
    assert "pennon_environments" in scraped.text
    with serving(tmp_path / "data", metrics_open=True) as (_, other), other.as_holder_of(None) as stranger:
        assert stranger.http.get(f"{other.url}/metrics").status_code == 200
