"""What was looked at, how well it is, and what to do about it. Pure: facts in, checks out."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from pennon.control.log import Verification

EXPIRES_SOON = timedelta(days=14)
FEW_FILES = 4096
"""A process that may open fewer files holds few streams, and fails when it comes near."""
_LEAST_FREE = 0.1
_FULL = 0.03
_MUCH_SPOOLED = 256 * 2**20
_RUNBOOKS = "docs/how-to/runbooks/"


class Level(StrEnum):
    """How well something is, from good to bad. What is `bad` must be mended now, `warn` soon; `note` may be meant."""

    WELL = "well"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `mend` says what to do where it is not well, `runbook` is the page about it."""

    what: str
    level: Level
    detail: str = ""
    mend: str = ""
    runbook: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that answers runs on. Sizes in bytes; `open_files` is how many it may open."""

    data: str
    disk_free: int
    disk_size: int
    spooled: int
    open_files: int
    secret_in_file: bool
    is_shared: bool
    """Whether other servers may work on the same database."""
    public_url: str | None


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The schema that the database has, None for none, that of this version, and whether this version starts on it."""

    has: str | None
    wants: str
    starts: bool = True


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """A token or key, as people name it, and when it ends."""

    name: str
    not_after: int | None


def well(what: str, detail: str = "") -> HealthCheck:
    """Return that something is as it should be."""
    return HealthCheck(what=what, level=Level.WELL, detail=detail)


def ill(what: str, level: Level, detail: str, *, mend: str, runbook: str) -> HealthCheck:
    """Return that something is not, with what to do, and the name of the runbook."""
    return HealthCheck(what=what, level=level, detail=detail, mend=mend, runbook=f"{_RUNBOOKS}{runbook}.md")


def schema_check(schema: Schema) -> HealthCheck:
    """Return whether the database has the tables of this version."""
    what = "the schema is that of this version"
    if schema.has == schema.wants:
        return well(what, schema.wants)
    if not schema.starts:
        said = f"{schema.has} is of a newer version: this server, of {schema.wants}, would not start again"
        mend = "update this server to the version of the others"
        return ill(what, Level.BAD, said, mend=mend, runbook="database-down")
    mend = "restart this server after the newest one: it may be the older of two that run side by side"
    return ill(what, Level.WARN, f"{schema.has}, and {schema.wants} is wanted", mend=mend, runbook="database-down")


def log_check(checked: Sequence[Verification], *, of: int) -> HealthCheck:
    """Return whether what was verified of the logs is sound. The *checked* ones are some *of* all."""
    what = "the change logs are sound"
    if found := [f"{each.log}: {each.problem}" for each in checked if each.problem]:
        mend = "keep a copy of the database, then: pennon doctor --log"
        return ill(what, Level.BAD, "; ".join(found), mend=mend, runbook="log-verification-failed")
    rows = sum(each.rows for each in checked)
    rest = "" if len(checked) == of else f"; for all {of}: pennon doctor --log"
    return well(what, f"{len(checked)} logs with {rows} changes verified{rest}")


def bus_check(answered_s: float | None) -> HealthCheck:
    """Return whether word comes over the bus."""
    what = "the bus carries word"
    if answered_s is not None:
        return well(what, f"after {answered_s * 1000:.0f} ms")
    mend = "see bus_url and whether what it names runs; until then servers look for changes each second"
    return ill(what, Level.WARN, "nothing came back in time", mend=mend, runbook="propagation-slow")


def machine_checks(machine: Machine) -> Iterator[HealthCheck]:
    """Yield how the machine is that the server runs on."""
    free = machine.disk_free / machine.disk_size if machine.disk_size else 1.0
    what, detail = "the disk has room", f"{_mib(machine.disk_free)} of {_mib(machine.disk_size)} free in {machine.data}"
    if free >= _LEAST_FREE:
        yield well(what, detail)
    else:
        level = Level.BAD if free < _FULL else Level.WARN
        yield ill(
            what, level, detail, mend="make room: a full disk takes no events and no changes", runbook="disk-full"
        )
    what, detail = "events are counted as they come", f"{_mib(machine.spooled)} wait"
    if machine.spooled < _MUCH_SPOOLED:
        yield well(what, detail)
    else:
        mend = "see the log for why they are not counted; the database may be slow or down"
        yield ill(what, Level.WARN, detail, mend=mend, runbook="spool-backlog")
    what, detail = "enough files may be open", str(machine.open_files)
    if machine.open_files >= FEW_FILES:
        yield well(what, detail)
    else:
        mend = "raise the limit: LimitNOFILE= in systemd's unit, ulimits in the compose file, ulimit -n"
        yield ill(what, Level.WARN, detail, mend=mend, runbook="too-few-files")
    yield _secret_check(machine)


def _secret_check(machine: Machine) -> HealthCheck:
    what = "all servers seal by the same secret"
    if not (machine.secret_in_file and machine.is_shared):
        return well(what)
    mend = "with several servers, set PENNON_SECRET_KEY to what the file secret.key of the data folder holds, on each"
    return ill(what, Level.NOTE, "it is in a file of this server", mend=mend, runbook="secret-key")


def proxy_check(machine: Machine, *, client: str, forwarded: bool, believed: bool) -> HealthCheck:
    """Return whether the server knows who asks. *forwarded*: a header says so; *believed*: such headers are read."""
    what = "the server sees who asks"
    if forwarded and not believed:
        mend = (
            "name the proxy's network in trusted_proxies, else all its callers share one rate and one place in the log"
        )
        return ill(what, Level.WARN, f"a proxy at {client} is not trusted", mend=mend, runbook="proxy")
    if forwarded and machine.public_url is None:
        mend = "set public_url to what browsers and SDKs use: addresses of event streams are made from it"
        return ill(what, Level.NOTE, f"{client}, by way of a proxy, and no public_url", mend=mend, runbook="proxy")
    return well(what, client)


def node_check(late: Mapping[str, Collection[str]]) -> HealthCheck:
    """Return whether edge nodes have what the origin has. *late* are nodes and how they stand, by environment."""
    what = "edge nodes are current"
    if not late:
        return well(what)
    detail = "; ".join(f"{environment}: {', '.join(nodes)}" for environment, nodes in sorted(late.items()))
    return ill(what, Level.BAD, detail, mend="pennon edge status", runbook="edge-behind")


def version_check(versions: Mapping[str, Sequence[str]]) -> HealthCheck:
    """Return whether all nodes run one version. *versions* has the names of nodes by version."""
    what = "all nodes run one version"
    if len(versions) <= 1:
        return well(what, next(iter(versions), ""))
    detail = "; ".join(f"{version or 'unknown'}: {', '.join(nodes)}" for version, nodes in sorted(versions.items()))
    mend = "finish the update when it is no longer under way"
    return ill(what, Level.NOTE, detail, mend=mend, runbook="versions-mixed")


def expiry_check(things: Iterable[Expiring], now: datetime) -> HealthCheck:
    """Return whether a token or key ends soon."""
    what, soon = "no token or key ends soon", []
    for each in things:
        if each.not_after is not None and now.timestamp() < each.not_after < (now + EXPIRES_SOON).timestamp():
            soon.append(f"{each.name} on {datetime.fromtimestamp(each.not_after, UTC):%Y-%m-%d}")
    if not soon:
        return well(what)
    mend = "make new ones, or rotate them, before: pennon key rotate, pennon token create"
    return ill(what, Level.WARN, "; ".join(sorted(soon)), mend=mend, runbook="credentials-expiring")


def protection_check(unprotected: Sequence[str]) -> HealthCheck:
    """Return whether environments that users see demand anything of a change."""
    what = "production is protected"
    if not unprotected:
        return well(what)
    mend = "if changes there should take a reason or approval: pennon environment protect"
    return ill(what, Level.NOTE, ", ".join(unprotected), mend=mend, runbook="protection")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
