"""`pennon doctor`: looks at a deployment and says what is wrong with it and what to do."""

import datetime
import email.utils
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx2
import msgspec
import typer
from rich.progress import Progress

from pennon import __version__
from pennon.cli import options, output
from pennon.cli.connection import NO, UNREACHABLE, Login, fail, known_login

app = typer.Typer(add_completion=False)

_SKEW_S = 30
_TIMEOUT_S = 10


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `mend` says what to do where it is not well."""

    what: str
    well: bool
    detail: str = ""
    mend: str = ""


@app.command()
def doctor(
    log: Annotated[bool, typer.Option("--log", help="Verify the change log in the database, row by row.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="With --log: the server's data folder. Default: the server's settings.")
    ] = None,
    database_url: Annotated[str | None, typer.Option(help="With --log: the URL of the database.")] = None,
    json: options.Json = False,
) -> None:
    """Check the server that commands speak to or, with --log, the change log itself.

    With --log it folds every log, verifies its chain of hashes and compares the tables made from it; run it where
    the database is. Exit status 1 if something is wrong, 3 if the server cannot be reached.
    """
    if not log and (data is not None or database_url is not None):
        fail("--data and --database-url go with --log", status=2)
    findings = list(_log_findings(data, database_url) if log else _server_findings(known_login()))
    if json:
        output.as_json(findings)
    else:
        for finding in findings:
            _show(finding)
    if not findings[0].well and not log:
        raise typer.Exit(UNREACHABLE)
    if not all(finding.well for finding in findings):
        raise typer.Exit(NO)


def _show(finding: Finding) -> None:
    text = f"{finding.what}: {finding.detail}" if finding.detail else finding.what
    if finding.well:
        output.done(text)
    else:
        output.error(text, finding.mend)


def _server_findings(login: Login) -> Iterator[Finding]:
    headers = {"Authorization": f"Bearer {login.token}"} if login.token else {}
    with httpx2.Client(base_url=login.url, headers=headers, timeout=_TIMEOUT_S) as http:
        try:
            alive = http.get("/healthz")
        except httpx2.TransportError as error:
            yield Finding("the server answers", well=False, detail=f"{login.url}: {error}", mend="pennon serve")
            return
        yield Finding("the server answers", alive.is_success, login.url, "is this a Pennon server?")
        yield _clock(alive)
        ready = http.get("/readyz")
        waiting = ", ".join(ready.json().get("waitingFor", ready.json().get("waiting_for", ()))) or "ready"
        yield Finding("the server can serve", ready.is_success, waiting, "see its log for the cause")
        yield _version(http)
        projects = http.get("/api/v1/projects")
        mend = "pennon login URL --token TOKEN"
        count = _counted(len(projects.json()["items"]), "project") if projects.is_success else str(projects.status_code)
        yield Finding("the token is good", projects.is_success, count, mend)


def _clock(response: httpx2.Response) -> Finding:
    text = response.headers.get("Date")
    if text is None:
        return Finding("the clocks agree", well=True, detail="the server does not say its time")
    skew = (email.utils.parsedate_to_datetime(text) - _now()).total_seconds()
    mend = "set both clocks by NTP: schedules and expiries of keys go by them"
    return Finding("the clocks agree", abs(skew) <= _SKEW_S, f"{abs(skew):.0f} s apart", mend)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251  # an entry point, whose clock is what is checked


def _version(http: httpx2.Client) -> Finding:
    answer = http.get("/api/v1/openapi.json")
    version = answer.json()["info"]["version"] if answer.is_success else "unknown"
    mend = f"install the same here: pip install pennon=={version}"
    return Finding("the versions agree", version == __version__, f"server {version}, here {__version__}", mend)


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
                found = storage.log.check(name)
                detail = found.problem or f"{_counted(found.rows, 'change')}, head {heads[name].hash[:12]}"
                mend = "restore a backup beside it and compare; docs/explanation/change-log.md says what this means"
                yield Finding(name, not found.problem, detail, mend)
    finally:
        storage.close()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
