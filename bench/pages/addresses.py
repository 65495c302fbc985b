"""Every page of a server that is asked for by its address, in the world of the benchmark, and how it can be asked."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx2

from bench.pages.world import PRODUCTION, ROLE, WEBHOOK, flag_key, request_key, schedule_key, segment_key

_P, _E = "/projects/{project}", "/projects/{project}/environments/{environment}"
_FLAG = flag_key(27)
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "/": ("",),
    "/sign-in": ("",),
    "/account": ("",),
    "/people": ("", "?q=number+77", "?q=nobody+at+all", "?after=account-05000"),
    "/people/new-account": ("",),
    "/people/accounts/{account}": ("",),
    "/people/new-role": ("",),
    "/people/new-token": ("",),
    "/people/roles": ("",),
    "/people/roles/{role}": ("",),
    "/people/sessions": ("",),
    "/people/tokens": ("",),
    "/people/tokens/{token}": ("",),
    "/installation": ("",),
    "/installation/changes": ("",),
    "/installation/changes/{revision}": ("",),
    "/installation/webhooks": ("",),
    "/installation/webhooks/{webhook}": ("",),
    "/installation/webhooks/{webhook}/deliveries/{delivery}": ("",),
    _P: ("",),
    f"{_P}/flags": (
        "",
        "?q=number+77",
        "?q=there+is+none",
        "?tag=team-7",
        f"?after={flag_key(30)}",
        "?state=on",
        "?reason=pastRemoval",
    ),
    f"{_P}/archived-flags": ("",),
    f"{_P}/definitions/{{flag}}": ("",),
    f"{_P}/new-flag": ("",),
    f"{_P}/flags/{{flag}}": ("",),
    f"{_P}/kill": ("", "?q=feature-004"),
    f"{_P}/propagation": ("",),
    f"{_P}/requests": ("", "?all=1"),
    f"{_P}/requests/{{change_request}}": ("",),
    f"{_P}/requests/{{change_request}}/edit": ("",),
    f"{_P}/schedules": ("",),
    f"{_P}/segments": ("",),
    f"{_P}/why": ("",),
    f"{_P}/settings": ("",),
    f"{_P}/layers": ("",),
    f"{_P}/webhooks": ("",),
    f"{_P}/webhooks/{{webhook}}": ("",),
    f"{_P}/webhooks/{{webhook}}/deliveries/{{delivery}}": ("",),
    f"{_P}/events": ("",),
    f"{_P}/attention": ("",),
    f"{_P}/changes": ("",),
    f"{_P}/changes/{{revision}}": ("",),
    f"{_P}/value-schemas/{{flag}}": ("",),
    f"{_E}/compare": (f"?flag={_FLAG}&with=development",),
    f"{_E}/rule": (f"?flag={_FLAG}&rule=rule-1",),
    f"{_E}/settings": ("",),
    f"{_E}/layers": ("",),
    f"{_E}/layers/{{layer}}": ("",),
    f"{_E}/keys": ("",),
    f"{_E}/keys/{{key}}": ("",),
    f"{_E}/as-of": ("", "?revision={middle}", "?time={past}", "?revision={middle}&q=feature-004"),
    f"{_E}/diff": ("?from={middle}&to={later}",),
    f"{_E}/changes": ("", "?who=bob", "?who=nobody", f"?flag={_FLAG}", "?before={middle}"),
    f"{_E}/changes/{{revision}}": ("",),
    f"{_E}/flags/{{flag}}": ("",),
    f"{_E}/evaluations/{{flag}}": ("",),
    f"{_E}/plan": ("", f"?flag={_FLAG}"),
    f"{_E}/schedules": ("", "?all=1"),
    f"{_E}/schedules/{{schedule}}": ("",),
    f"{_E}/propagation": ("",),
    f"{_E}/segments": ("",),
    f"{_E}/segments/{{segment}}": ("",),
    f"{_E}/turn-off": (f"?flag={_FLAG}",),
    f"{_E}/why": (f"?flag={_FLAG}&key=ada",),
}
"""The template of each page, and the ends of the addresses under which it is asked."""
NAMES: Mapping[str, str] = {
    "project": PRODUCTION.project,
    "environment": PRODUCTION.environment,
    "flag": _FLAG,
    "segment": segment_key(7),
    "layer": "layer-007",
    "account": "account-00007",
    "role": ROLE,
    "webhook": WEBHOOK,
    "schedule": schedule_key(10),
    "change_request": request_key(10),
    "revision": "2",
}
"""What is asked about. For the rest a server has to be asked first."""
API = (
    f"{_P}/flags?search=number+77",
    f"{_P}/stale-flags",
    f"{_P}/stale-flags?flag={_FLAG}",
    f"{_E}/flags/{_FLAG}",
    f"{_E}/changes?limit=30",
    f"{_E}/schedules?state=active",
    f"{_P}/requests?state=open",
)
"""Answers of the API that say what pages say."""


def addresses(client: httpx2.Client) -> list[str]:
    """Return the addresses of all pages, in the world to which *client* leads."""
    names = _names(client)
    found = []
    for page, ends in ADDRESSES.items():
        owner = "installation" if page.startswith("/installation/") else "project"
        about = {**names, "delivery": names[f"delivery of {owner}"]}
        found += [(page + end).format_map(about) for end in ends]
    return found


def answers(client: httpx2.Client) -> list[str]:
    """Return the addresses of what the API answers beside pages."""
    names = _names(client)
    return [f"/api/v1{path}".format_map(names) for path in API]


def _names(client: httpx2.Client) -> dict[str, str]:
    """Return what is asked about: also what only the server knows, and places in the past."""
    api = f"/api/v1/projects/{NAMES['project']}"
    here = f"{api}/environments/{NAMES['environment']}"
    last = client.get(f"{here}/changes?limit=1").json()["items"][0]["revision"]
    middle = client.get(f"{here}/changes/{last // 2}").json()
    sent = {
        "delivery of project": f"{api}/webhooks/{NAMES['webhook']}/deliveries?limit=1",
        "delivery of installation": f"/api/v1/webhooks/{NAMES['webhook']}/deliveries?limit=1",
    }
    return {
        **NAMES,
        "token": client.get("/api/v1/tokens?limit=1").json()["items"][0]["key"],
        "key": client.get(f"{here}/keys").json()["items"][0]["key"],
        **{name: client.get(path).json()["items"][0]["id"] for name, path in sent.items()},
        "middle": str(last // 2),
        "later": str(last // 2 + 20),
        "past": quote(middle["time"]),
    }
