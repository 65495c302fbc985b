"""Follows the feed of a server for `pennon change watch`: it goes on after a broken connection, where it was."""

import datetime
import random
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec

from pennon.cli import output
from pennon.cli.connection import UNREACHABLE, Server, fail
from pennon.protocol import FrameTooLarge
from pennon.protocol.frames import Frame
from pennon.protocol.sse import Decoder

_SILENCE_S = 40.0
"""A feed says something every 15 s."""
_MOST_WAIT_S = 30.0
_MOST_SAID = 3
_LARGEST = 16 * 2**20


def followed(server: Server, project: str | None, environment: str | None) -> Iterator[tuple[str, Any]]:
    """Yield what the feed tells, as event and data, for ever. Ends the command where it is refused."""
    place, failures = "", 0
    is_begun = False
    query = {name: value for name, value in (("project", project), ("environment", environment)) if value}
    while True:
        try:
            for frame in _frames(server, query, place):
                failures, is_begun = 0, True
                place = frame.id or place
                if frame.event == "ended":
                    fail("the token is good no more", mend="log in: pennon login URL --token TOKEN")
                if frame.event in ("change", "event"):
                    yield frame.event, msgspec.json.decode(frame.data)
        except (httpx2.TransportError, FrameTooLarge) as error:
            said = str(error) or type(error).__name__
            if not is_begun:
                fail(f"the feed cannot be read: {said}", mend="see that the server runs", status=UNREACHABLE)
            output.note(f"the feed broke off: {said}")
        failures += 1
        wait_s = random.uniform(0.5, min(_MOST_WAIT_S, 2.0**failures))  # it spreads load, and keeps no secret
        output.note(f"again in {wait_s:.0f} s")
        time.sleep(wait_s)


def _frames(server: Server, query: dict[str, str], place: str) -> Iterator[Frame]:
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": place} if place else {})}
    decoder = Decoder(limit=_LARGEST)
    with server.stream("feed", query, headers=headers, silence_s=_SILENCE_S) as pieces:
        for piece in pieces:
            yield from decoder.feed(piece)


def told_line(kind: str, told: dict[str, Any]) -> str:
    """Return what the feed told as a line: when, where, who, what, why."""
    if kind == "event":
        what = " ".join(each for each in (told["kind"], told["service"], told["version"]) if each)
        where = ", ".join(f"{told['project']}/{each}" for each in told["environments"]) or told["project"]
        return "  ".join(each for each in (_time(told["time"]), where, told["who"], what, told["text"]) if each)
    where = "/".join(each for each in (told["project"], told["environment"]) if each) or "installation"
    said = [sentence for item in told["items"] for sentence in item["sentences"]]
    more = max(0, len(said) - _MOST_SAID) + told["more"]
    what = "; ".join(said[:_MOST_SAID]) + (f" and {more} more" if more else "")
    line = f"{_time(told['time'])}  {where}  r{told['revision']}  {told['actor']['name']}  {what or told['action']}"
    return f"{line}  ({told['why']})" if told["why"] else line


def _time(text: str) -> str:
    return f"{datetime.datetime.fromisoformat(text).astimezone():%H:%M:%S}"
