"""What a webhook is, and what it wants to hear of. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from pennon.control.log import INSTALLATION
from pennon.model import Problem, pointer
from pennon.model.flags import Wire

KIND = "webhook"
MOST = 50
"""Webhooks of a project, or of the installation."""
MOST_ENVIRONMENTS = 100

Format: TypeAlias = Literal["pennon", "slack"]
EventType: TypeAlias = Literal[
    "glass.broken",
    "flag.turnedOff",
    "schedule.failed",
    "request.applied",
    "request.approved",
    "request.refused",
    "request.withdrawn",
    "request.edited",
    "request.commented",
    "request.created",
    "flags.changed",
    "flag.defined",
    "event.reported",
    "environment.changed",
    "key.changed",
    "webhook.changed",
    "access.changed",
    "settings.changed",
]

EVENT_TYPES: Mapping[EventType, str] = {
    "glass.broken": "somebody changed a protected environment without what it demands; every webhook is told that",
    "flag.turnedOff": "flags that were on are off",
    "schedule.failed": "a scheduled change was not made",
    "request.applied": "a change request was made",
    "request.approved": "somebody approved a change request",
    "request.refused": "somebody refused a change request",
    "request.withdrawn": "a change request ended without a change",
    "request.edited": "what a change request proposes is another",
    "request.commented": "somebody said something of a change request",
    "request.created": "changes were proposed",
    "flags.changed": "flags, segments or layers of an environment were changed",
    "flag.defined": "flags of a project were created, described or deleted",
    "event.reported": "another system reported a deploy, a change of its configuration, or an incident",
    "environment.changed": "an environment was created, described, protected or deleted",
    "key.changed": "a key for SDKs was made, rotated or revoked",
    "webhook.changed": "a webhook was made, altered or deleted",
    "access.changed": "accounts, roles, tokens or signing keys were changed",
    "settings.changed": "anything else was changed",
}
"""What can happen, and how it is described: the gravest first, which is the type of what is sent."""

PING = "webhook.ping"
"""The type of a test."""


class Webhook(Wire, frozen=True, kw_only=True):
    """Where somebody is told of changes. An item (`webhook`) of a project's log, or of the installation's.

    Its URL and secrets are sealed elsewhere, under `vault`: the log is shown to readers, and a URL is often a secret
    by itself. `line` tells it from an earlier webhook of its key. `events` empty: all. `environments` empty: all.
    It hears of what happened at `since` and later.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    host: str
    format: Format = "pennon"
    events: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    production_only: bool = False
    enabled: bool = True
    description: str = ""
    since: datetime
    line: str
    vault: str

    def takes_environment(self, environment: str, *, is_production: bool) -> bool:
        """Return whether it hears of what happens in an environment."""
        if self.production_only and not is_production:
            return False
        return not self.environments or environment in self.environments

    def wants(self, types: frozenset[str]) -> bool:
        """Return whether it is told of what is of all these *types*. Nobody is spared a broken glass."""
        return "glass.broken" in types or (bool(types) and (not self.events or not types.isdisjoint(self.events)))


def gravest(types: frozenset[str]) -> str:
    """Return the type that tells the most of what happened."""
    return next((each for each in EVENT_TYPES if each in types), "settings.changed")


def wish_problems(owner: str, events: tuple[str, ...], environments: tuple[str, ...]) -> Iterator[Problem]:
    """Yield what is wrong with what a webhook wants to hear of."""
    known = get_args(EventType)
    for at, event in enumerate(events):
        if event not in known:
            message = f"there is no event {event!r}"
            yield Problem(pointer("events", at), message, f"write one of {', '.join(known)}; none for all")
    if owner == INSTALLATION and environments:
        message = "a webhook of the installation is of no project's environments"
        yield Problem("/environments", message, "leave them out, or make a webhook of the project")
    if len(environments) > MOST_ENVIRONMENTS:
        yield Problem("/environments", f"more than {MOST_ENVIRONMENTS}", "leave them out for all")
