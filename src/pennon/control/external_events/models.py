"""What an external event is. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from pennon.model import Json, Problem, pointer

KEPT = timedelta(days=90)
AHEAD = timedelta(hours=1)
"""So much the clock of another system may be ahead of ours."""
LARGEST_ATTRIBUTES = 4096
_LONGEST = {"service": 200, "version": 200, "who": 200, "link": 2000, "text": 2000}
_LONGEST_KEY = 200
_MOST_ENVIRONMENTS = 100

EventKind: TypeAlias = Literal["deploy", "config", "incident", "other"]


class ExternalEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened in another system. `id` is that system's name for it; `reported` when Pennon heard.

    `environments` empty: all of the project.
    """

    id: str
    project: str
    kind: EventKind
    time: datetime
    reported: datetime
    environments: tuple[str, ...] = ()
    service: str = ""
    version: str = ""
    link: str = ""
    who: str = ""
    text: str = ""
    attributes: Mapping[str, Json] = {}


def event_problems(event: ExternalEvent, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong with *event*."""
    if not 0 < len(event.id) <= _LONGEST_KEY:
        yield Problem("/id", f"has not 1 to {_LONGEST_KEY} characters", "a UUID will do, or the number of a build")
    for name, longest in _LONGEST.items():
        if len(getattr(event, name)) > longest:
            yield Problem(pointer(name), f"longer than {longest} characters", "shorten it")
    if event.link and not event.link.startswith(("https://", "http://")):
        yield Problem("/link", "is no web address", "write https://…")
    if not now - KEPT <= event.time <= now + AHEAD:
        mend = "write the time at which it happened"
        yield Problem("/time", f"is more than {KEPT.days} days ago, or to come", mend)
    if len(event.environments) > _MOST_ENVIRONMENTS:
        yield Problem("/environments", f"more than {_MOST_ENVIRONMENTS}", "leave them out for all")
    if len(msgspec.json.encode(event.attributes)) > LARGEST_ATTRIBUTES:
        yield Problem("/attributes", f"larger than {LARGEST_ATTRIBUTES // 1024} KiB", "put it where `link` leads")
