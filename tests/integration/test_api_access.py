"""Who gets in: nobody without a credential, and nobody further than their role and project."""

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest
from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute

from pennon.control.access.permissions import BUILT_IN, PERMISSIONS, Permission
from pennon.stream.endpoints import ENDPOINTS
from tests.serving import Api, InProcess, serving

SECURITY = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ROLES = ("reader", "developer", "releaseManager", "administrator")
E = "/projects/{project}/environments/{environment}"
NEEDED: Mapping[str, Permission | None] = {
    "GET /projects": None,
    "GET /projects/{project}/webhooks": "webhook.manage",
    "POST /projects/{project}/webhooks": "webhook.manage",
    "GET /projects/{project}/webhooks/{webhook}": "webhook.manage",
    "PUT /projects/{project}/webhooks/{webhook}": "webhook.manage",
    "DELETE /projects/{project}/webhooks/{webhook}": "webhook.manage",
    "POST /projects/{project}/webhooks/{webhook}/rotate": "webhook.manage",
    "POST /projects/{project}/webhooks/{webhook}/test": "webhook.manage",
    "GET /projects/{project}/webhooks/{webhook}/deliveries": "webhook.manage",
    "GET /projects/{project}/webhooks/{webhook}/deliveries/{delivery}": "webhook.manage",
    "POST /projects/{project}/webhooks/{webhook}/deliveries/{delivery}/redeliver": "webhook.manage",
    "POST /projects/{project}/webhooks/{webhook}/deliveries/redeliver": "webhook.manage",
    "GET /webhooks": "webhook.manage",
    "POST /webhooks": "webhook.manage",
    "GET /webhooks/{webhook}": "webhook.manage",
    "PUT /webhooks/{webhook}": "webhook.manage",
    "DELETE /webhooks/{webhook}": "webhook.manage",
    "POST /webhooks/{webhook}/rotate": "webhook.manage",
    "POST /webhooks/{webhook}/test": "webhook.manage",
    "GET /webhooks/{webhook}/deliveries": "webhook.manage",
    "GET /webhooks/{webhook}/deliveries/{delivery}": "webhook.manage",
    "POST /webhooks/{webhook}/deliveries/{delivery}/redeliver": "webhook.manage",
    "POST /webhooks/{webhook}/deliveries/redeliver": "webhook.manage",
    "POST /events/external": None,
    "GET /projects/{project}/events/external": "read",
    "GET /feed": None,
    "GET /signing-keys": "signing.manage",
    "POST /signing-keys": "signing.manage",
    "POST /signing-keys/rotate": "signing.manage",
    "DELETE /signing-keys/{key}": "signing.manage",
    "POST /projects": "project.create",
    "GET /projects/{project}": "read",
    "PUT /projects/{project}": "project.manage",
    "DELETE /projects/{project}": "project.manage",
    "GET /projects/{project}/changes": "read",
    "GET /projects/{project}/environments": "read",
    "POST /projects/{project}/environments": "environment.manage",
    f"GET {E}": "read",
    f"PUT {E}": "environment.manage",
    f"DELETE {E}": "environment.manage",
    "GET /projects/{project}/flags": "read",
    "POST /projects/{project}/flags": "flag.define",
    "GET /projects/{project}/flags/{flag}": "read",
    "PUT /projects/{project}/flags/{flag}": "flag.define",
    "DELETE /projects/{project}/flags/{flag}": "flag.delete",
    "GET /projects/{project}/value-schemas/{flag}": "read",
    "POST /projects/{project}/schema-steps/prepare": "flag.define",
    "POST /projects/{project}/schema-steps/activate": "flag.define",
    "POST /projects/{project}/schema-steps/clean-up": "flag.define",
    "GET /projects/{project}/stale-flags": "read",
    "GET /projects/{project}/openfeature-manifest": "read",
    "GET /projects/{project}/code-references": "read",
    "PUT /projects/{project}/code-references/{repository}": "code.report",
    "DELETE /projects/{project}/code-references/{repository}": "code.report",
    "GET /projects/{project}/flag-references": "read",
    "GET /projects/{project}/archived-flags": "read",
    "POST /projects/{project}/archived-flags": "flag.define",
    "POST /projects/{project}/archived-flags/restore": "flag.define",
    f"GET {E}/flags": "read",
    f"GET {E}/flags/{{flag}}": "read",
    f"PUT {E}/flags/{{flag}}": "flag.change",
    f"GET {E}/segments": "read",
    f"POST {E}/segments": "flag.change",
    f"GET {E}/segments/{{segment}}": "read",
    f"PUT {E}/segments/{{segment}}": "flag.change",
    f"DELETE {E}/segments/{{segment}}": "flag.change",
    f"GET {E}/layers": "read",
    f"POST {E}/layers": "flag.change",
    f"GET {E}/layers/{{layer}}": "read",
    f"PUT {E}/layers/{{layer}}": "flag.change",
    f"DELETE {E}/layers/{{layer}}": "flag.change",
    "GET /projects/{project}/requests": "read",
    "POST /projects/{project}/requests": "change.propose",
    "GET /projects/{project}/requests/{change_request}": "read",
    "GET /projects/{project}/requests/{change_request}/preview": "read",
    "PUT /projects/{project}/requests/{change_request}": "change.propose",
    "POST /projects/{project}/requests/{change_request}/reviews": "change.approve",
    "POST /projects/{project}/requests/{change_request}/comments": "change.propose",
    "POST /projects/{project}/requests/{change_request}/apply": "read",
    "POST /projects/{project}/requests/{change_request}/withdraw": "change.propose",
    f"GET {E}/schedules": "read",
    f"POST {E}/schedules": "flag.turnOff",
    f"GET {E}/schedules/{{schedule}}": "read",
    f"PUT {E}/schedules/{{schedule}}": "flag.turnOff",
    f"DELETE {E}/schedules/{{schedule}}": "flag.turnOff",
    f"POST {E}/schedules/{{schedule}}/pause": "flag.turnOff",
    f"POST {E}/schedules/{{schedule}}/resume": "flag.turnOff",
    f"GET {E}/schedules/{{schedule}}/runs": "read",
    "GET /projects/{project}/files": "read",
    "POST /projects/{project}/files/plan": "read",
    "POST /projects/{project}/files/apply": "read",
    "POST /projects/{project}/files/requests": "change.propose",
    f"GET {E}/files": "read",
    f"GET {E}/changes": "read",
    f"POST {E}/changes": "flag.turnOff",
    f"POST {E}/changes/preview": "read",
    f"POST {E}/imports": "flag.change",
    f"POST {E}/imports/preview": "read",
    f"GET {E}/changes/{{revision}}": "read",
    f"POST {E}/changes/{{revision}}/revert": "flag.turnOff",
    f"GET {E}/diff": "read",
    f"GET {E}/state": "read",
    f"POST {E}/explain": "read",
    f"GET {E}/counts": "read",
    f"GET {E}/propagation": "read",
    "GET /health": "installation.read",
    f"GET {E}/keys": "key.read",
    f"POST {E}/keys": "key.manage",
    f"POST {E}/keys/{{key}}/rotate": "key.manage",
    f"DELETE {E}/keys/{{key}}": "key.manage",
    "GET /permissions": None,
    "GET /roles": None,
    "POST /roles": "access.manage",
    "GET /roles/{role}": None,
    "PUT /roles/{role}": "access.manage",
    "DELETE /roles/{role}": "access.manage",
    "GET /accounts": "access.manage",
    "POST /accounts": "access.manage",
    "GET /accounts/{account}": "access.manage",
    "PUT /accounts/{account}": "access.manage",
    "DELETE /accounts/{account}": "access.manage",
    "PUT /accounts/{account}/password": "access.manage",
    "DELETE /accounts/{account}/sessions": "access.manage",
    "GET /sign-in": None,
    "GET /sign-in/oidc": None,
    "GET /sign-in/oidc/callback": None,
    "GET /sessions": "access.manage",
    "DELETE /sessions": "access.manage",
    "DELETE /sessions/{session}": "access.manage",
    "POST /session": None,
    "GET /session": None,
    "DELETE /session": None,
    "PUT /session/password": None,
    "GET /tokens": "access.manage",
    "POST /tokens": "access.manage",
    "DELETE /tokens/{token}": "access.manage",
    "GET /installation/changes": "installation.read",
    "GET /openapi.json": None,
}
"""The permission that each route of the admin API takes; None: any. One that is not listed fails the test below."""


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


def is_shut(answer: httpx2.Response) -> bool:
    """Return whether it says no more than that one has to come in first. Pages do so by leading to where one does."""
    to_sign_in = answer.headers.get("location", "").startswith("/sign-in?")
    return answer.status_code == 401 or (answer.status_code == 303 and to_sign_in and not answer.content)


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
            answers = [stranger.http.request(each, url) for each in (method, *(["HEAD"] * (method == "GET")))]
            if not all(map(is_shut, answers)):
                assert not {answer.status_code for answer in answers} & {403, 500}, route
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


def test_every_route_takes_the_permission_that_is_listed(running: tuple[InProcess, Api]) -> None:
    server, api = running
    prefix = "/api/v1"
    admin = {route.replace(f" {prefix}", " ") for route in routes(server.app) if f" {prefix}" in route}
    assert {route for route in admin if not route.startswith("OPTIONS")} == set(NEEDED)
    # Breaking the glass is a way to make a change, not a route; where an event happened stands in the report.
    assert {needed for needed in NEEDED.values() if needed} == set(PERMISSIONS) - {"change.bypass", "event.report"}
    assert set(ROLES) == set(BUILT_IN)
    for role, environment in itertools.product(ROLES, ("development", "production")):
        secret = api.made("POST", "tokens", {"name": role, "role": role})["secret"]
        with api.as_holder_of(secret) as holder:
            for route, needed in NEEDED.items():
                answer = send_nothing(holder, route, environment)
                in_production = environment == "production" and f"{E}/" in route
                allowed = needed is None or BUILT_IN[role].gives(needed, production=in_production)
                assert (answer.status_code not in (401, 403)) == allowed, (role, route, answer.text)
                if not allowed:
                    assert f"the permission {needed} in" in answer.json()["detail"], (route, answer.text)
                    assert "administrator" in answer.json()["detail"], (route, answer.text)
                assert answer.status_code < 500, (route, answer.text)


def test_a_token_uses_no_permission_that_is_not_in_its_scopes(api: Api) -> None:
    new = {"name": "build", "role": "administrator", "scopes": ["read", "key.read"]}
    with api.as_holder_of(api.made("POST", "tokens", new)["secret"]) as holder:
        for route, needed in NEEDED.items():
            answer = send_nothing(holder, route, "production")
            allowed = needed in (None, "read", "key.read")
            assert (answer.status_code != 403) == allowed, (route, answer.text)
            if not allowed:
                assert "this token is limited to key.read, read" in answer.json()["detail"]


def send_nothing(holder: Api, route: str, environment: str) -> httpx2.Response:
    """Send a request of *route* that changes nothing: what it names is not there, or its body is empty."""
    method, _, template = route.partition(" ")
    nowhere = {} if method == "GET" or template.startswith(f"{E}/") else {"project": "none"}
    path = filled(template, **nowhere, environment=environment)
    if template == "/feed":  # which goes on for ever, unless it is of what is not there
        path += "?project=none"
    return holder.send(method, path.lstrip("/"), {} if method in ("POST", "PUT") else None)


def test_a_token_of_one_project_acts_in_no_other(api: Api) -> None:
    api.made("POST", "projects", {"key": "mine"})
    secret = api.made("POST", "tokens", {"name": "mine", "role": "administrator", "project": "mine"})["secret"]
    with api.as_holder_of(secret) as holder:
        assert [each["key"] for each in holder.made("GET", "projects")["items"]] == ["mine"]
        assert holder.send("POST", "projects/mine/flags", {"key": "f"}).status_code == 201
        for route in [route for route, needed in NEEDED.items() if needed]:
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
