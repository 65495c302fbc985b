"""Unleash's files as rules, and its SDKs to ask: what the tests beside it share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import pytest

from pennon.engine import RuleSet, compile_snapshot
from pennon.engine.dialects.unleash import DIALECTS
from pennon.importers import Plan, peers, unleash
from pennon.importers.peers import installs
from pennon.importers.peers.pins import Pin, node
from pennon.model import Item, Snapshot

NOW = 1_700_000_000.0
SPECIFICATION = node("@unleash/client-specification@6.1.0")
FOLDER = "node_modules/@unleash/client-specification/specifications"


def rules(plan: Plan) -> RuleSet:
    """Return the rules of a plan."""
    flags = {each.key: Item.of(each.flag) for each in plan.flags if each.flag is not None}
    segments = {each.key: Item.of(each.segment) for each in plan.segments}
    dialects = {("unleash", name): dialect for name, dialect in DIALECTS.items()}
    return compile_snapshot(Snapshot.of({"flag": flags, "segment": segments}), dialects=dialects)


def planned(document: str, dialect: str, options: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of a document."""
    return unleash.plan(document.encode(), dialect, dict(options or {}))


@contextmanager
def peer(dialect: str, document: str) -> Iterator[peers.Peer]:
    """Start the SDK of a dialect; where it cannot be had, fail in CI and skip elsewhere."""
    try:
        started = peers.start("unleash", dialect, document)
    except peers.PeerNotInstalled as error:
        _cannot(f"Unleash's SDK cannot be had here: {error}", error)
    with started:
        yield started


def installed(pin: Pin) -> str:
    """Return the folder of npm packages, as `peer` does where they cannot be had."""
    try:
        return str(installs.install(pin, peers.cache_folder(os.environ)))
    except peers.PeerNotInstalled as error:
        _cannot(f"Unleash's specification cannot be had here: {error}", error)


def _cannot(message: str, error: Exception) -> NoReturn:
    if os.environ.get("CI"):
        raise error
    pytest.skip(message)
