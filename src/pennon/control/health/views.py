"""How the installation does, as the server that is asked sees it."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from pennon.control.access.views import keys, tokens
from pennon.control.clock import Clock
from pennon.control.config import Settings
from pennon.control.environments.views import environment as find_environment
from pennon.control.environments.views import environment_names
from pennon.control.health.checks import (
    Expiring,
    HealthCheck,
    Level,
    Machine,
    Schema,
    bus_check,
    expiry_check,
    ill,
    log_check,
    machine_checks,
    node_check,
    protection_check,
    schema_check,
    version_check,
    well,
)
from pennon.control.log import ChangeLog, Reading
from pennon.control.publishing.standing import NodeStanding
from pennon.control.publishing.views import PropagationViews

_ROWS = 2000
"""So many changes are verified when somebody asks how things are; all of them may take minutes."""
_QUICK_BYTES = 512 * 1024
"""So much of them, where a page waits: 35 MB take a second."""


class Schemas(Protocol):
    """Knows the schema of the database: the one it has, and the one of this version."""

    def schema(self) -> Schema:
        """Return how they stand to each other. Raises `Unavailable`."""


class HealthViews:
    """Looks at everything when it is asked."""

    def __init__(
        self,
        log: ChangeLog,
        propagation: PropagationViews,
        schemas: Schemas,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._log = log
        self._propagation = propagation
        self._schemas = schemas
        self._clock = clock
        self._settings = settings
        self._ping: Callable[[], float | None] | None = None

    def ping_by(self, ping: Callable[[], float | None]) -> None:
        """Have the bus tried by *ping*, which returns after how many seconds word came; None: it did not."""
        self._ping = ping

    @property
    def machine(self) -> Machine:
        """What this process runs on."""
        folder = self._settings.data_folder
        disk = shutil.disk_usage(folder)
        return Machine(
            data=str(folder.absolute()),
            disk_free=disk.free,
            disk_size=disk.total,
            spooled=_size(folder / "events"),
            open_files=_open_files(),
            secret_in_file=self._settings.secret_key is None,
            is_shared=not self._settings.database.startswith("sqlite"),
            public_url=self._settings.public_url,
        )

    def checks(self, *, is_quick: bool = False) -> list[HealthCheck]:
        """Return what was looked at. Raises `Unavailable`.

        Logs are verified as far as that takes no minutes; if it *is_quick*, as far as that takes milliseconds.
        """
        with self._log.reading() as reading:
            things, unprotected = list(_expiring(reading)), _unprotected(reading)
            rows = {log: head.revision for log, head in reading.heads().items()}
            logs = _verifiable(reading, rows, is_quick=is_quick)
        standings = self._propagation.everywhere()
        return [
            well("the database answers", "SQLite" if self._settings.database.startswith("sqlite") else "PostgreSQL"),
            schema_check(self._schemas.schema()),
            log_check([self._log.check(log) for log in logs], of=len(rows)),
            bus_check(self._ping()) if self._ping is not None else _no_bus(),
            *machine_checks(self.machine),
            node_check(_late(standings)),
            version_check(_versions(standings)),
            expiry_check(things, self._clock.now()),
            protection_check(unprotected),
        ]


def _verifiable(reading: Reading, rows: Mapping[str, int], *, is_quick: bool) -> list[str]:
    """Return the logs that can be verified while somebody waits, the shortest first."""
    found, rows_left, bytes_left = [], _ROWS, _QUICK_BYTES
    for log in sorted(rows, key=lambda name: (rows[name], name)):
        rows_left -= rows[log]
        if rows_left < 0:
            break
        if is_quick:  # a few rows may be an import of thousands of items
            held = reading.size(log)
            if held > bytes_left:
                continue
            bytes_left -= held
        found.append(log)
    return found


def _no_bus() -> HealthCheck:
    return ill("the bus carries word", Level.NOTE, "it was not tried", mend="ask a server", runbook="propagation-slow")


def _size(folder: Path) -> int:
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:  # counted, and gone
                continue
    return found


def _open_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


def _expiring(reading: Reading) -> Iterator[Expiring]:
    for token in tokens(reading):
        if not token.revoked:
            yield Expiring(name=f"token {token.name}", not_after=token.not_after)
    for name in environment_names(reading):
        for key in keys(reading, name):
            if not key.revoked:
                yield Expiring(name=f"{key.kind} key {key.name or key.key[:8]} of {name}", not_after=key.not_after)


def _unprotected(reading: Reading) -> list[str]:
    found = ((name, find_environment(reading, name)) for name in environment_names(reading))
    return [str(name) for name, environment in found if environment.production and environment.protection is None]


def _late(standings: dict[str, list[NodeStanding]]) -> dict[str, list[str]]:
    late = {
        environment: [f"{each.ack.node} ({each.state})" for each in nodes if each.is_late and not each.is_origin]
        for environment, nodes in standings.items()
    }
    return {environment: nodes for environment, nodes in late.items() if nodes}


def _versions(standings: dict[str, list[NodeStanding]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for nodes in standings.values():
        for each in nodes:
            found.setdefault(each.ack.version, set()).add(each.ack.node)
    return {version: sorted(names) for version, names in found.items()}
