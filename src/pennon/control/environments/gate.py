"""What stands between a command and an environment: who may alter it, and what it demands of a change."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from pennon.control.access.permissions import Permission
from pennon.control.access.views import place, principal, roles
from pennon.control.clock import Clock
from pennon.control.environments.ownership import owner_objections
from pennon.control.environments.protection import Leave, Protection, objections
from pennon.control.environments.readers import Awaited, ReaderCounts, behind, told
from pennon.control.environments.views import environment as find_environment
from pennon.control.environments.views import environments
from pennon.control.errors import Protected, StillRead
from pennon.control.log import Actor, EnvironmentName, Reading, project_log
from pennon.model import Problem

NO_LEAVE = Leave()


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is about to do: something that takes *permission*, in an environment, or (None) in a project.

    `items` (kind, key) are those that it alters. `is_planned`: it is only planned, and done at another time. Then it
    does not matter that nothing is changed now. `is_seen`: users may see it, so that it has to meet what is demanded.
    `awaited`: who has to be able to read the values that flags, by key, have after it.
    """

    project: str
    environment: str | None
    permission: Permission
    by: Actor
    why: str = ""
    leave: Leave = NO_LEAVE
    items: tuple[tuple[str, str], ...] = ()
    is_planned: bool = False
    is_seen: bool = True
    awaited: Mapping[str, Awaited] = {}


Permit: TypeAlias = Callable[[Reading, Alteration], None]
"""Raises `Forbidden` or `Protected` unless something may be altered. Called within the command's transaction."""


class Gate:
    """Lets pass who may alter an environment, with what the environment demands."""

    def __init__(self, clock: Clock, readers: ReaderCounts | None = None) -> None:
        self._clock = clock
        self._readers = readers

    def permit(self, reading: Reading, alteration: Alteration) -> None:
        """Raise `Forbidden`, or `Protected` naming everything that is lacking, unless it may be done.

        Only changing what users see has to meet what the environment demands: turning a flag off takes the permission
        and nothing else, so that nothing stands in the way of it. What Pennon does by itself was asked for before.
        What its files own changes by them only, whoever asks.
        """
        project, environment = alteration.project, alteration.environment
        now = self._clock.now()
        holder = principal(reading, alteration.by, now=now)
        if holder is not None:
            where, known = place(reading, project, environment), roles(reading)
            holder.require(alteration.permission, where, roles=known)
            if alteration.leave.is_break_glass:
                holder.require("change.bypass", where, roles=known)
        if alteration.awaited and not alteration.is_planned:  # whoever asks, for they may have come since
            self._require_readers(reading, alteration, now)
        if holder is None:
            return
        if environment is None:
            _require_definitions_free(reading, alteration)
        elif alteration.permission == "flag.change":
            self._require_met(reading, alteration, EnvironmentName(project, environment), now)

    def _require_readers(self, reading: Reading, alteration: Alteration, now: datetime) -> None:
        """Raise `StillRead` while there are readers who cannot read a flag's new values. The glass can be broken."""
        if alteration.leave.is_break_glass:
            if not alteration.why.strip():
                lacking = Problem("/why", "breaking the glass takes a reason", "say why it cannot wait")
                raise Protected(f"project {alteration.project!r}", [lacking])
            return
        if self._readers is None:
            return
        project = alteration.project
        names = [str(EnvironmentName(project, each.key)) for each in environments(reading, project)]
        for flag, awaited in alteration.awaited.items():
            since = now - timedelta(hours=awaited.gone_after_h)
            if found := behind(self._readers.readers(names, since=since), awaited.read_by):
                raise StillRead(flag, told(flag, found))

    def _require_met(self, reading: Reading, alteration: Alteration, name: EnvironmentName, now: datetime) -> None:
        found, leave = find_environment(reading, name), alteration.leave
        lacking: list[Problem] = []
        if found.files is not None and not leave.is_break_glass:
            lacking += owner_objections(found.files, leave.files, alteration.items, environment=name.environment)
        if found.protection is not None or found.files is not None:
            at = None if alteration.is_planned else now
            demanded = found.protection or Protection()  # an owner demands nothing but a reason where glass is broken
            lacking += objections(demanded, leave, why=alteration.why, at=at) if alteration.is_seen else ()
        if lacking:
            raise Protected(str(name), lacking)


def _require_definitions_free(reading: Reading, alteration: Alteration) -> None:
    """Raise `Protected` for definitions that are there, and belong to the files of an environment of the project."""
    if alteration.leave.is_break_glass or alteration.permission not in {"flag.define", "flag.delete"}:
        return
    log, leave = project_log(alteration.project), alteration.leave
    owned = [each for each in environments(reading, alteration.project) if each.files is not None]

    def lacking(items: Sequence[tuple[str, str]]) -> list[list[Problem]]:
        return [
            list(owner_objections(each.files, leave.files, items, environment=each.key))
            for each in owned
            if each.files is not None
        ]

    if not owned or not all(lacking(alteration.items)):  # the files of any owner say what flags are
        return
    if known := [item for item in alteration.items if reading.item(log, *item) is not None]:
        raise Protected(f"project {alteration.project!r}", lacking(known)[0])


def permit_everybody(reading: Reading, alteration: Alteration) -> None:
    """Do not ask: for who embeds the services without accounts."""
