"""What stands between a command and an environment: who may alter it, and what it demands of a change."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from pennon.control.access.permissions import Permission
from pennon.control.access.views import place, principal, roles
from pennon.control.clock import Clock
from pennon.control.environments.protection import Leave, objections
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Protected
from pennon.control.log import Actor, EnvironmentName, Reading

NO_LEAVE = Leave()


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is about to do: something that takes *permission*, in an environment, or (None) in a project."""

    project: str
    environment: str | None
    permission: Permission
    by: Actor
    why: str = ""
    leave: Leave = NO_LEAVE


Permit: TypeAlias = Callable[[Reading, Alteration], None]
"""Raises `Forbidden` or `Protected` unless something may be altered. Called within the command's transaction."""


class Gate:
    """Lets pass who may alter an environment, with what the environment demands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def permit(self, reading: Reading, alteration: Alteration) -> None:
        """Raise `Forbidden`, or `Protected` naming everything that is lacking, unless it may be done.

        Only changing what users see has to meet what the environment demands: turning a flag off takes the permission
        and nothing else, so that nothing stands in the way of it. What Pennon does by itself was asked for before.
        """
        project, environment = alteration.project, alteration.environment
        if (holder := principal(reading, alteration.by)) is None:
            return
        where, known = place(reading, project, environment), roles(reading)
        holder.require(alteration.permission, where, roles=known)
        if alteration.leave.is_break_glass:
            holder.require("change.bypass", where, roles=known)
        if alteration.permission != "flag.change" or environment is None:
            return
        name = EnvironmentName(project, environment)
        protection = find_environment(reading, name).protection
        if protection is None:
            return
        lacking = list(objections(protection, alteration.leave, why=alteration.why, now=self._clock.now()))
        if lacking:
            raise Protected(str(name), lacking)


def permit_everybody(reading: Reading, alteration: Alteration) -> None:
    """Do not ask: for who embeds the services without accounts."""
