from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.external_events.models import ExternalEvent
from pennon.control.log import Actor, Change, Edit
from pennon.control.webhooks.messages import Message, body_of, escaped, message_of, ping_message
from pennon.control.webhooks.news import Part, types_of

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
LARGEST = 32 * 1024


def part(count: int = 1, *, why: str = "go", name: str = "Anna", log: str = "environments/shop/production") -> Part:
    edits = tuple(Edit("segment", f"f{number}", None, b'{"key":"f%d"}' % number) for number in range(count))
    change = Change(
        log=log,
        epoch=1,
        revision=7,
        change_id="c1",
        time=NOW,
        actor=Actor("account", "a", name),
        action="edit",
        why=why,
        edits=edits,
        previous="",
        hash="",
    )
    return Part(change, types_of(change))


def own(message: Message) -> Any:
    return msgspec.json.decode(body_of(message, "pennon"))


def slack(message: Message) -> Any:
    return msgspec.json.decode(body_of(message, "slack"))


def test_the_body_says_what_when_who_why_and_where() -> None:
    told = own(message_of("flags.changed", [part()]))
    assert (told["type"], told["timestamp"]) == ("flags.changed", "2026-03-14T09:26:53Z")
    data = told["data"]
    assert (data["changeId"], data["actor"]["name"], data["why"], data["breakGlass"]) == ("c1", "Anna", "go", False)
    [place] = data["changes"]
    assert (place["project"], place["environment"], place["revision"]) == ("shop", "production", 7)
    assert place["items"] == [
        {"kind": "segment", "key": "f0", "change": "created", "sentences": ["segment f0 created"]}
    ]


def test_ten_thousand_items_in_three_logs_are_one_bounded_body() -> None:
    parts = [part(10_000, why="w" * 2000, log=log) for log in ("environments/a/b", "environments/a/c", "projects/a")]
    message = message_of("flags.changed", parts)
    for form in ("pennon", "slack"):
        assert len(body_of(message, form)) < LARGEST
    places = own(message)["data"]["changes"]
    assert [len(each["items"]) + each["more"] for each in places] == [10_000] * 3
    assert all(each["items"] for each in places)
    assert "9992 more" in slack(message)["text"]


def test_a_message_for_slack_has_text_and_blocks_in_its_bounds() -> None:
    told = slack(message_of("glass.broken", [part(why="broke the glass: fire")]))
    assert told["text"].startswith("🚨 The glass was broken in shop/production")
    assert "Anna: broke the glass: fire" in told["text"]
    assert [each["type"] for each in told["blocks"]] == ["section", "context"]


@given(name=st.text(max_size=300), why=st.text(max_size=2000))
def test_what_people_wrote_calls_nobody_and_links_nowhere(name: str, why: str) -> None:
    told = body_of(
        message_of("flags.changed", [part(name=name + "<!channel>", why=why + "@all <http://x|y>")]), "slack"
    )
    shown = msgspec.json.decode(told)
    texts = [shown["text"], *(block["text"]["text"] for block in shown["blocks"] if "text" in block)]
    texts += [each["text"] for block in shown["blocks"] for each in block.get("elements", ())]
    for text in texts:
        assert "<" not in text
        assert ">" not in text
        assert "@all" not in text
        assert len(text) <= 3000


def test_lines_of_what_people_wrote_stay_one_line() -> None:
    assert escaped("a\nb & <c>") == "a b &amp; &lt;c&gt;"


def test_a_deploy_is_told_in_a_line() -> None:
    event = ExternalEvent(
        id="1",
        project="shop",
        kind="deploy",
        time=NOW,
        reported=NOW,
        service="api",
        version="1.2.3",
        environments=("production",),
        who="ci",
    )
    message = Message("event.reported", NOW, frozenset({"event.reported"}), event=event)
    assert own(message)["data"]["event"]["version"] == "1.2.3"
    assert slack(message)["text"].splitlines() == ["Deploy: api 1.2.3 in shop/production", "ci"]
    assert "test" in slack(ping_message(NOW))["text"]
