"""`pennon import verify`: asks the vendor's own SDK beside Pennon, and shows where they differ."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pennon.cli import connection, output
from pennon.cli.connection import NO, UNREACHABLE, Server, known_login, scope
from pennon.cli.imports import shown
from pennon.cli.imports.files import Source, fail_quietly
from pennon.engine import RuleSet, compile_snapshot
from pennon.importers import Plan, PlannedFlag
from pennon.importers.peers import Peer, PeerError, PeerNotInstalled, start
from pennon.importers.verify import Report, Verifier
from pennon.model import Snapshot

_SAID_EACH_S = 30.0
"""Where nobody can see a bar, as in CI."""


def run(
    source: Source, flags: Sequence[str], *, contexts: int, seed: int, place: tuple[str | None, str | None] | None
) -> Report:
    """Compare every flag of *source* that can be carried with the vendor's SDK, and return what was found.

    *place*: compare the flags that this project and environment have now, in place of those that an import would make.
    """
    plan, vocabulary = source.plan(), source.vocabulary()
    compared = _chosen(plan, flags)
    rules = None if place is None else _served(place)
    try:
        with output.working(f"Starting {source.name}'s own SDK (the first time, it is installed)"):
            options = {name: _text(value) for name, value in source.options.items()}
            peer = start(source.vendor, source.dialect, _text(source.data), options)
        with peer:
            verifier = Verifier(plan, vocabulary, peer.evaluate, rules=rules, now=float(int(time.time())))
            found = _compare(verifier, compared, contexts=contexts, seed=seed, peer=peer)
    except PeerError as error:
        status = UNREACHABLE if isinstance(error, PeerNotInstalled) else NO
        connection.fail(error.message, mend=error.mend, status=status)
    left_out = tuple(each.key for each in plan.flags if each.flag is None and (not flags or each.key in flags))
    return msgspec.structs.replace(found, vendor=source.vendor, dialect=source.dialect, left_out=left_out)


def show(found: Report, *, is_served: bool, json: bool) -> None:
    """Print what was found, and end the command with 1 if anything differs."""
    if json:
        counts = {"evaluations": found.evaluations, "differences": found.differences, "lots": found.lots}
        output.as_json(msgspec.to_builtins(found) | counts)
    else:
        shown.report(found, is_served=is_served)
    if found.differences:
        fail_quietly()


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _chosen(plan: Plan, keys: Sequence[str]) -> list[PlannedFlag]:
    carried = [each for each in plan.flags if each.flag is not None]
    if unknown := sorted(set(keys) - {each.key for each in plan.flags}):
        connection.fail(f"the file has no flag {unknown[0]!r}", status=connection.WRONG_USE)
    chosen = [each for each in carried if not keys or each.key in keys]
    if not chosen:
        connection.fail("the file has no flag that can be carried, so there is nothing to compare")
    return chosen


def _served(place: tuple[str | None, str | None]) -> RuleSet:
    login = known_login()
    with Server(login) as server:
        return compile_snapshot(Snapshot.from_json(msgspec.json.encode(server.read(f"{scope(login, *place)}/state"))))


@contextlib.contextmanager
def _progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Give what tells which flag it is, and how many evaluations more were compared: a bar, or now and then a line."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        said_at = time.monotonic()

        def told(count: int) -> None:
            nonlocal said_at
            progress.advance(task, count)
            if not console.is_terminal and time.monotonic() - said_at >= _SAID_EACH_S:
                said_at = time.monotonic()
                output.note(f"{progress.tasks[0].completed:,.0f} of {total:,} evaluations are compared …")

        yield lambda key: progress.update(task, description=key[:40]), told


def _compare(verifier: Verifier, flags: Sequence[PlannedFlag], *, contexts: int, seed: int, peer: Peer) -> Report:
    reports = []
    with _progress(contexts * len(flags)) as (flag, told):
        for planned in flags:
            flag(planned.key)
            reports.append(verifier.verify(planned, contexts=contexts, seed=seed, told=told))
    sdk = f"{peer.sdk} {peer.version}"
    return Report(vendor="", dialect="", sdk=sdk, seed=seed, flags=tuple(reports))
