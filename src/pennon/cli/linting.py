"""`pennon flag lint`: what in the flags and segments of an environment, or of a file, can never happen."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from pennon.cli import options, output
from pennon.cli.connection import NO, WRONG_USE, Server, fail, known_login, scope
from pennon.engine import Finding, Prover, Severity
from pennon.model import InvalidJson, Snapshot

Keys = Annotated[list[str] | None, typer.Argument(metavar="FLAG", help="Flags. Default: all, and all segments.")]
File = Annotated[
    Path | None,
    typer.Option(help="A snapshot, as `pennon export` writes it, instead of a server's.", show_default=False),
]
Strict = Annotated[bool, typer.Option("--strict", help="Notices count too: what has less effect than one may think.")]

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTICE: "bold blue"}


def lint(
    flags: Keys = None,
    file: File = None,
    strict: Strict = False,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Find rules that nobody reaches, conditions that can never hold, and more that cannot be meant.

    Whatever it finds is proved for every context. It changes nothing. Exit status 1 if something was found.
    """
    snapshot = _in_file(file) if file is not None else _on_server(project, environment)
    for key in flags or ():
        if key not in snapshot.flags:
            fail(f"there is no flag {key!r}", mend="see what there is: pennon flag list")
    found = list(_found(snapshot, flags or list(snapshot.flags), [] if flags else list(snapshot.segments)))
    told = [finding for finding in found if strict or finding.severity is not Severity.NOTICE]
    if json:
        output.as_json(told)
    else:
        _show(told, notices=len(found) - len(told))
    if told:
        raise typer.Exit(NO)


def _on_server(project: str | None, environment: str | None) -> Snapshot:
    login = known_login()
    with Server(login) as server:
        state = server.read(f"{scope(login, project, environment)}/state")
    return Snapshot.from_json(msgspec.json.encode(state))


def _in_file(file: Path) -> Snapshot:
    try:
        return Snapshot.from_json(file.read_bytes())
    except (OSError, InvalidJson) as error:
        fail(f"{file} cannot be read: {error}", mend="make one: pennon export FILE", status=WRONG_USE)


def _found(snapshot: Snapshot, flags: Sequence[str], segments: Sequence[str]) -> Iterator[Finding]:
    prover = Prover(snapshot)
    columns = (TextColumn("proving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("proving", total=len(flags) + len(segments))
        for key in flags:
            yield from prover.flag_findings(key)
            progress.advance(task)
        for key in segments:
            yield from prover.segment_findings(key)
            progress.advance(task)


def _show(found: Sequence[Finding], *, notices: int) -> None:
    for finding in found:
        where = f"{finding.kind} {finding.key} {finding.path}".rstrip()
        head = (
            (finding.severity.value, _STYLES[finding.severity]),
            " ",
            (where, "bold"),
            "  ",
            (finding.code.value, "dim"),
        )
        output.console().print(Text.assemble(*head))
        output.console().print(Text(f"  {finding.message}"))
        output.console().print(Text(f"  → {finding.mend}", style="dim"))
    if not found:
        output.done("nothing was found that cannot be meant")
    if notices:
        output.note(
            f"{notices} notice{'s' if notices > 1 else ''} of what has less effect than one may think: --strict"
        )
