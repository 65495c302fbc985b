"""`pennon doctor`: looks at a deployment and says what is wrong with it and what to do."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from pennon.cli import options, output
from pennon.cli.checkup import Finding, found, look, look_whether_ready
from pennon.cli.connection import DEFAULT_URL, NO, UNREACHABLE, Login, fail, known_login

app = typer.Typer(add_completion=False)


@app.command()
def doctor(  # a command's options
    key: Annotated[
        str | None, typer.Option(help="A server key, to try whether streams come through.", envvar="PENNON_KEY")
    ] = None,
    ready: Annotated[
        bool, typer.Option("--ready", help="Only ask whether it can serve, as health checks do. Takes no token.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Verify the change log in the database, row by row.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="With --log: the server's data folder. Default: the server's settings.")
    ] = None,
    database_url: Annotated[str | None, typer.Option(help="With --log: the URL of the database.")] = None,
    json: options.Json = False,
) -> None:
    """Check the deployment that commands speak to or, with --log, the change log itself.

    It looks from here (is the server reached, do clocks and versions agree, do streams come through: --key) and asks
    the server for what only it sees: its database, bus, disk, limits, edge nodes, tokens and keys. Run it after an
    update, and when something is odd. Each finding says what to do, and names its runbook.

    With --log it folds every log, verifies its chain of hashes and compares the tables made from it; run it where
    the database is. Exit status 1 if something must be mended, 3 if the server cannot be reached.
    """
    if not log and (data is not None or database_url is not None):
        fail("--data and --database-url go with --log", status=2)
    login = Login(url=os.environ.get("PENNON_URL", DEFAULT_URL)) if ready else known_login()
    looking = look_whether_ready(login) if ready else look(login, key)
    findings = []
    for finding in _log_findings(data, database_url) if log else looking:
        findings.append(finding)
        if not json:
            _show(finding)
    if json:
        output.as_json(findings)
    else:
        output.say(_verdict(findings))
    if not log and not findings[0].well:
        raise typer.Exit(UNREACHABLE)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(NO)


_STYLES: Mapping[str, str] = {"bad": "red", "warn": "yellow", "note": "dim"}


def _show(finding: Finding) -> None:
    if finding.level == "well":
        output.done(f"{finding.what}: {finding.detail}" if finding.detail else finding.what)
        return
    detail = f" ({finding.detail})" if finding.detail else ""
    mend = f"{finding.mend} ({finding.runbook})" if finding.runbook else finding.mend
    output.not_done(f"{finding.what}: no{detail}", mend, style=_STYLES[finding.level])


def _verdict(findings: Sequence[Finding]) -> str:
    levels = Counter(finding.level for finding in findings)
    parts = [
        f"{levels['bad']} to mend now" if levels["bad"] else "",
        f"{levels['warn']} to mend soon" if levels["warn"] else "",
        f"{levels['note']} to know of" if levels["note"] else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{len(findings)} looked at: {said or 'all is well'}."


def _log_findings(data: Path | None, database_url: str | None) -> Iterator[Finding]:
    from pennon.cli.settings import BadSettings, load_settings  # noqa: PLC0415
    from pennon.control.config import Settings  # noqa: PLC0415  # the server extra may be absent
    from pennon.control.errors import PennonError  # noqa: PLC0415
    from pennon.control.storage import open_storage  # noqa: PLC0415

    given = {"data": None if data is None else str(data), "database_url": database_url}
    try:
        options = {name: value for name, value in given.items() if value is not None}
        settings = load_settings(Settings, options, os.environ)
        if settings.database_url is None and not (settings.data_folder / "pennon.db").exists():
            fail(f"there is no database in {settings.data_folder.absolute()}", mend="name the folder with --data")
        storage = open_storage(settings.database)
    except (BadSettings, PennonError) as error:
        fail(str(error))
    try:
        with storage.log.reading() as reading:
            heads = reading.heads()
        with Progress(transient=True) as progress:
            for name in progress.track(heads, description="verifying"):
                checked = storage.log.check(name)
                detail = checked.problem or f"{_counted(checked.rows, 'change')}, head {heads[name].hash[:12]}"
                mend = "keep a copy of the database, restore a backup beside it and compare"
                yield found(name, detail, well=not checked.problem, mend=mend, runbook="log-verification-failed")
    finally:
        storage.close()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
