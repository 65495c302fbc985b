from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pennon.control.log import INSTALLATION, SYSTEM, Change, Edit, environment_log, project_log
from pennon.control.webhooks.models import EVENT_TYPES, Webhook, gravest
from pennon.control.webhooks.news import concerning, types_of

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
PRODUCTION, STAGING = environment_log("shop", "production"), environment_log("shop", "staging")
FAILED = {"at": 1, "result": "failed"}
ON, OFF = {"key": "f", "on": True}, {"key": "f", "on": False}


def change(log: str, *edits: tuple[str, Any, Any], why: str = "") -> Change:
    texts = tuple(
        Edit(kind, "f", *(None if each is None else msgspec.json.encode(each) for each in (before, after)))
        for kind, before, after in edits
    )
    return Change(
        log=log,
        epoch=1,
        revision=1,
        change_id="c1",
        time=NOW,
        actor=SYSTEM,
        action="edit",
        why=why,
        edits=texts,
        previous="",
        hash="",
    )


def webhook(*events: str, **rest: Any) -> Webhook:
    return Webhook(key="w", host="https://a.example", since=NOW, line="l", vault="v", events=events, **rest)


def told(hook: Webhook, *rows: Change, owner: str = project_log("shop")) -> list[str]:
    parts = concerning(hook, owner, rows, lambda _, environment: environment == "production")
    return [part.change.log for part in parts]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("flag", OFF, ON), {"flags.changed"}),
        (("flag", ON, OFF), {"flags.changed", "flag.turnedOff"}),
        (("flag", None, OFF), {"flag.defined"}),
        (("flag", None, ON), {"flags.changed"}),
        (("flag", ON, None), {"flags.changed"}),
        (("segment", None, {}), {"flags.changed"}),
        (("definition", {}, {}), {"flag.defined"}),
        (("key", None, {}), {"key.changed"}),
        (("token", None, {}), {"access.changed"}),
        (("webhook", None, {}), {"webhook.changed"}),
        (("something new", None, {}), {"settings.changed"}),
        (("request", None, {}), {"request.created"}),
        (("request", {"title": "a"}, {"title": "b"}), {"request.edited"}),
        (("request", {}, {"comments": [{"text": "a"}]}), {"request.commented"}),
        (("request", {}, {"reviews": [{"verdict": "approved"}]}), {"request.approved"}),
        (("request", {}, {"reviews": [{"verdict": "refused"}]}), {"request.refused"}),
        (("request", {"state": "open"}, {"state": "applied"}), {"request.applied"}),
        (("request", {"state": "open"}, {"state": "withdrawn"}), {"request.withdrawn"}),
        (("schedule", {}, {"last": {"at": 1, "result": "failed"}}), {"schedule.failed"}),
        (("schedule", {"last": FAILED}, {"last": {**FAILED, "at": 2}}), {"schedule.failed"}),
        (("schedule", {"last": FAILED}, {"last": FAILED, "state": "paused"}), {"settings.changed"}),
        (("schedule", {}, {"last": {"at": 1, "result": "made"}}), {"settings.changed"}),
    ],
)
def test_each_edit_is_news_of_its_kind(edit: tuple[str, Any, Any], expected: set[str]) -> None:
    assert types_of(change(PRODUCTION, edit)) == expected
    assert expected <= set(EVENT_TYPES)


def test_the_gravest_is_what_it_is_called() -> None:
    assert gravest(frozenset({"flags.changed", "flag.turnedOff"})) == "flag.turnedOff"
    assert gravest(types_of(change(PRODUCTION, ("flag", ON, OFF), why="broke the glass: fire"))) == "glass.broken"


def test_a_webhook_hears_of_its_environments_and_of_the_project_as_a_whole() -> None:
    rows = [change(log, ("flag", OFF, ON)) for log in (PRODUCTION, STAGING)]
    definition = change(project_log("shop"), ("definition", {}, {}))
    assert told(webhook(), *rows, definition) == [PRODUCTION, STAGING, definition.log]
    assert told(webhook(environments=("staging",)), *rows, definition) == [STAGING, definition.log]
    assert told(webhook(production_only=True), *rows) == [PRODUCTION]
    assert told(webhook(environments=("staging",), production_only=True), *rows) == []
    assert told(webhook("flag.defined"), *rows) == []


def test_a_project_hears_of_nothing_outside_it_and_the_installation_of_everything() -> None:
    other, tokens = change(environment_log("bank", "x"), ("flag", OFF, ON)), change(INSTALLATION, ("token", None, {}))
    assert told(webhook(), other, tokens) == []
    assert told(webhook(), other, tokens, owner=INSTALLATION) == [other.log, INSTALLATION]
    assert told(webhook(), change(environment_log("shop2", "x"), ("flag", OFF, ON))) == []


def test_a_request_is_of_the_environments_that_it_proposes_changes_of() -> None:
    for environment, heard in (("production", True), ("staging", False)):
        request = change(project_log("shop"), ("request", None, {"proposals": [{"environment": environment}]}))
        assert bool(told(webhook(production_only=True), request)) == heard


def test_nobody_is_spared_a_broken_glass_who_sees_the_environment() -> None:
    broken = change(PRODUCTION, ("flag", OFF, ON), why="broke the glass: fire")
    assert told(webhook("key.changed"), broken) == [PRODUCTION]
    assert told(webhook("key.changed", environments=("staging",)), broken) == []
