"""What a webhook is sent: Pennon's own JSON, or a message as Slack and those who read the same take it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pennon.control.changes.summary import MOST_ITEMS, ChangeSummary, shortened, summary
from pennon.control.external_events.models import ExternalEvent
from pennon.control.webhooks.models import PING, Format
from pennon.control.webhooks.news import Part

_MOST_LINES = 15
_LONGEST_BLOCK = 2900
"""Slack takes 3,000 characters in a block."""
_SIGNS = {"glass.broken": "🚨", "flag.turnedOff": "🛑", "schedule.failed": "⚠️", "request.refused": "✋"}
_HEADINGS = {
    "glass.broken": "The glass was broken",
    "flag.turnedOff": "Turned off",
    "schedule.failed": "A scheduled change was not made",
    "request.created": "Changes are proposed",
    "request.edited": "A change request was edited",
    "request.commented": "Somebody commented on a change request",
    "request.approved": "A change request is approved",
    "request.refused": "A change request is refused",
    "request.applied": "A change request was made",
    "request.withdrawn": "A change request was withdrawn",
}


class Message(msgspec.Struct, frozen=True):
    """What is to be told: its type, the gravest of all that it is, when it happened, and which changes it was."""

    type: str
    time: datetime
    types: frozenset[str]
    changes: tuple[ChangeSummary, ...] = ()
    event: ExternalEvent | None = None


def message_of(kind: str, parts: Sequence[Part]) -> Message:
    """Return the message that tells *parts* of one change. Of a large one it names the first items, and how many."""
    most = max(1, MOST_ITEMS // len(parts))
    changes = tuple(summary(part.change, most=most) for part in parts)
    return Message(kind, changes[0].time, frozenset().union(*(part.types for part in parts)), changes)


def body_of(message: Message, form: Format) -> bytes:
    """Return *message* as it is sent."""
    return msgspec.json.encode(_slack(message) if form == "slack" else _own(message))


def _own(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"types": sorted(message.types)}
    if message.changes:
        first = message.changes[0]
        data |= {
            "changeId": first.change_id,
            "actor": first.actor,
            "action": first.action,
            "why": first.why,
            "breakGlass": first.break_glass,
            "changes": [_place(change) for change in message.changes],
        }
    if message.event is not None:
        data["event"] = message.event
    return {"type": message.type, "timestamp": message.time, "data": data}


def _place(change: ChangeSummary) -> dict[str, Any]:
    return {
        "project": change.project,
        "environment": change.environment,
        "log": change.log,
        "epoch": change.epoch,
        "revision": change.revision,
        "items": change.items,
        "more": change.more,
    }


def _slack(message: Message) -> dict[str, Any]:
    title, lines, context = _said(message)
    heading = f"{_SIGNS.get(message.type, '')} {title}".strip()
    blocks = [_section(f"*{heading}*" + "".join(f"\n• {line}" for line in lines))]
    if context:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": shortened(context, _LONGEST_BLOCK)}]})
    # `text` is what notifications show, and all that those show who know no blocks.
    return {"text": shortened("\n".join((heading, *lines, context)).strip(), _LONGEST_BLOCK), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, _LONGEST_BLOCK)}}


def _said(message: Message) -> tuple[str, list[str], str]:
    """Return a title, what happened line by line, and who did it why."""
    if message.event is not None:
        return _said_of_event(message.event)
    if not message.changes:
        return "Pennon can reach you here", [], "This is a test."
    first = message.changes[0]
    where = ", ".join(dict.fromkeys(escaped(_named(change)) for change in message.changes))
    lines = list(_lines(message.changes))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more lines"]
    who = f"{escaped(first.actor.name)}" + (f": {escaped(shortened(first.why, 500))}" if first.why else "")
    return f"{_HEADINGS.get(message.type, 'Changed')} in {where}", lines, who


def _lines(changes: Sequence[ChangeSummary]) -> Iterator[str]:
    for change in changes:
        for item in change.items:
            said = item.sentences or (f"{item.kind} {item.key} {item.change}",)
            yield from (escaped(each) for each in said)
        if change.more:
            yield f"and {change.more} more in {escaped(_named(change))}"


def _said_of_event(event: ExternalEvent) -> tuple[str, list[str], str]:
    what = " ".join(escaped(each) for each in (event.service, event.version) if each)
    where = ", ".join(escaped(f"{event.project}/{each}") for each in event.environments) or escaped(event.project)
    lines = [escaped(each) for each in (shortened(event.text, 500), event.link) if each]
    return f"{event.kind.capitalize()}: {what or 'reported'} in {where}", lines, escaped(event.who)


def _named(change: ChangeSummary) -> str:
    if change.project is None:
        return "the installation"
    return change.project if change.environment is None else f"{change.project}/{change.environment}"


def escaped(text: str) -> str:
    """Return what somebody wrote so that it is text to Slack, and calls nobody: neither `<!channel>` nor `@all`."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(plain.replace("@", "@\u200b").split())


def ping_message(time: datetime) -> Message:
    """Return the message of a test."""
    return Message(PING, time, frozenset({PING}))
