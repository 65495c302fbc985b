"""What the demo does by itself: sets the shop up through the admin API, then changes a flag every few seconds."""

import datetime
import itertools
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from pennon.cli.connection import Server, scope
from pennon.cli.demo import shop, team
from pennon.cli.demo.view import Made
from pennon.model import Flag

_WHY = {
    "setWeights": "No more errors than before",
    "turnOff": "The service behind it is slow",
    "turnOn": "The service behind it is well again",
}


def set_up(server: Server) -> tuple[str, str]:
    """Make the shop: project, environments, flags, keys. Return the secrets of a server key and of a client key."""
    server.send("POST", "projects", {"key": shop.PROJECT, "name": "Shop"})
    team.environments(server)
    place = scope(server.login, shop.PROJECT, shop.ENVIRONMENT)
    edits: list[Any] = [
        {"do": "putSegment", "segment": msgspec.to_builtins(shop.segment())},
        {"do": "putLayer", "layer": msgspec.to_builtins(shop.layer())},
        *(_put(flag, team.now().date()) for flag in shop.flags()),
    ]
    server.send("POST", f"{place}/changes", {"why": "The shop opens", "edits": edits})
    team.rehearsals(server)
    secrets = [
        server.send("POST", f"{place}/keys", {"kind": kind, "name": f"demo {kind}"})["secret"]
        for kind in ("server", "client")
    ]
    return secrets[0], secrets[1]


def _put(flag: Flag, today: datetime.date) -> dict[str, Any]:
    return {"do": "putFlag", "definition": shop.definition(flag, today), "configuration": shop.configuration(flag)}


def changes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the demo changes, one thing after another, for ever: a sentence and the edit."""
    shares = itertools.cycle((25, 50, 100, 10))
    while True:
        for turn in ("turnOff", "turnOn"):
            yield _rollout(next(shares))
            what = "off: the kill switch" if turn == "turnOff" else "on again"
            yield f"{shop.SWITCHED} is {what}", {"do": turn, "flag": shop.SWITCHED}


def _rollout(percent: int) -> tuple[str, dict[str, Any]]:
    weights = {"on": percent * 1000, "off": (100 - percent) * 1000}
    edit = {"do": "setWeights", "flag": shop.ROLLED_OUT, "rule": shop.ROLLED_OUT_RULE, "weights": weights}
    return f"{shop.ROLLED_OUT} goes to {percent} %", edit


def make_change(server: Server, sentence: str, edit: dict[str, Any]) -> Made:
    """Make one change and return what is to be watched of it."""
    place = scope(server.login, shop.PROJECT, shop.ENVIRONMENT)
    sent_at = time.monotonic()
    answer = server.send("POST", f"{place}/changes", {"why": _WHY.get(edit["do"], ""), "edits": [edit]})
    return Made(revision=answer["revision"], sentence=sentence, sent_at=sent_at)
