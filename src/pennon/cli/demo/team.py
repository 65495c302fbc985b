"""Who works on the demo's shop, where, and what they have under way: a request, a schedule, a webhook, deploys."""

import datetime
import secrets
from typing import Any

import httpx2
import msgspec

from pennon.cli.connection import Login, Server, fail, path, scope
from pennon.cli.demo import shop

PEOPLE = (
    ("anne", "Anne Larsen", "administrator"),
    ("rui", "Rui Costa", "releaseManager"),
    ("dora", "Dora Novak", "developer"),
)
"""Key, name and role. The first of them is who opens the pages; the developer has proposed something."""
_DEVELOPER = PEOPLE[2][0]
_STAGING, _DEVELOPMENT = "staging", "development"
_TIMEOUT_S = 10
# Without what is easily taken for something else.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Opening(msgspec.Struct, frozen=True):
    """How to get in: at which address, as whom, by which password. All of the team have the same one."""

    url: str
    account: str
    password: str


def environments(server: Server) -> None:
    """Make the shop's environments, where production demands a reason of each change, and no others."""
    server.send("DELETE", "projects/default", query={"confirm": "default"})
    path = f"projects/{shop.PROJECT}/environments"
    for key, description in (
        (_DEVELOPMENT, "Whatever runs on our own machines."),
        (_STAGING, "As production will be."),
    ):
        server.send("POST", path, {"key": key, "name": key.title(), "description": description})
    said = {"name": "Production", "production": True, "description": "What customers see.", "protection": {"why": True}}
    server.send("POST", path, {"key": shop.ENVIRONMENT, **said})


def rehearsals(server: Server) -> None:
    """Configure the environments before production: all that is new is on where it is tried."""
    for key, percent in ((_STAGING, 50), (_DEVELOPMENT, 100)):
        where = scope(server.login, shop.PROJECT, key)
        weights = {"on": percent * 1000, "off": (100 - percent) * 1000}
        edits: list[Any] = [
            {"do": "putSegment", "segment": msgspec.to_builtins(shop.segment())},
            {"do": "putLayer", "layer": msgspec.to_builtins(shop.layer())},
            *(_configured(flag) for flag in shop.flags()),
            {"do": "setWeights", "flag": shop.ROLLED_OUT, "rule": shop.ROLLED_OUT_RULE, "weights": weights},
        ]
        server.send("POST", f"{where}/changes", {"why": "As we want it to be in production", "edits": edits})


def people(server: Server) -> Opening:
    """Make the team's accounts, with a password that this run alone has, and return how to get in."""
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
    for key, name, role in PEOPLE:
        body = {"key": key, "name": name, "email": f"{key}@shop.example", "grants": [{"role": role}]}
        server.send("POST", "accounts", body)
        server.send("PUT", path("accounts", key, "password"), {"password": password})
    return Opening(f"{server.login.url}/", PEOPLE[0][0], password)


def under_way(server: Server, opening: Opening, webhook_url: str) -> None:
    """Leave behind what a team has under way on any day."""
    _webhook(server, webhook_url)
    _deploys(server)
    _schedule(server)
    _code(server)
    _propose(server.login, opening.password)


def edge_key(server: Server) -> str:
    """Make a key for an edge node that serves every environment, and return its secret."""
    others = [f"{shop.PROJECT}/{key}" for key in (_STAGING, _DEVELOPMENT)]
    where = scope(server.login, shop.PROJECT, shop.ENVIRONMENT)
    made = server.send("POST", f"{where}/keys", {"kind": "edge", "name": "edge node", "environments": others})
    return str(made["secret"])


def now() -> datetime.datetime:
    """Return the time."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251  # an entry point


def _configured(flag: Any) -> dict[str, Any]:
    return {"do": "setConfiguration", "flag": flag.key, "configuration": shop.configuration(flag)}


def _webhook(server: Server, url: str) -> None:
    body = {"key": "releases", "url": url, "productionOnly": True, "description": "The channel of who is on call."}
    server.send("POST", f"projects/{shop.PROJECT}/webhooks", body)


def _deploys(server: Server) -> None:
    for service, version, minutes in (
        ("search", "4.11.2", 190),
        ("storefront", "2.31.0", 41),
        ("checkout", "3.0.0", 12),
    ):
        time = (now() - datetime.timedelta(minutes=minutes)).isoformat()
        said = {"service": service, "version": version, "environments": [shop.ENVIRONMENT], "who": _DEVELOPER}
        server.send("POST", "events/external", {"project": shop.PROJECT, "kind": "deploy", "time": time, **said})


def _schedule(server: Server) -> None:
    """Plan the end of the sale, for the next Monday morning but one."""
    today = now().replace(hour=8, minute=0, second=0, microsecond=0)
    monday = today + datetime.timedelta(days=14 - today.weekday())
    plan = {"kind": "once", "at": monday.isoformat(), "edits": [{"do": "turnOff", "flag": "banner"}]}
    body = {"title": "The winter sale ends", "why": "The sale is over", "plan": plan}
    server.send("POST", f"{scope(server.login, shop.PROJECT, shop.ENVIRONMENT)}/schedules", body)


def _code(server: Server) -> None:
    references = [
        {"flag": flag, "file": file, "line": line, "owner": shop.OWNERS.get(flag)} for flag, file, line in shop.CODE
    ]
    body = {"revision": "9f2c4e1", "scannedAt": now().isoformat(), "references": references}
    server.send("PUT", f"projects/{shop.PROJECT}/code-references/shop", body)


def _propose(login: Login, password: str) -> None:
    """Have the developer propose what he may not do himself: he signs in as a person does."""
    edits = [{"do": "replaceCondition", "flag": "free-shipping", "rule": "large", "position": 0, "condition": _CART}]
    body = {
        "title": "Free shipping from 60 on",
        "why": "Our competitors ship for free from 60 on",
        "changes": [{"environment": shop.ENVIRONMENT, "edits": edits}],
    }
    with httpx2.Client(base_url=f"{login.url}/api/v1/", timeout=_TIMEOUT_S) as client:
        signed_in = client.post("session", json={"account": _DEVELOPER, "password": password})
        if signed_in.is_success:
            headers = {"X-Pennon-CSRF": signed_in.json()["csrf"]}
            proposed = client.post(f"projects/{shop.PROJECT}/requests", json=body, headers=headers)
            if proposed.is_success:
                return
            signed_in = proposed
    fail(f"the demo's developer could propose nothing: {signed_in.text}")


_CART = {"op": "greaterOrEqual", "attribute": "cartTotal", "values": [60]}
