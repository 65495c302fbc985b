"""`pennon export`: an environment's state, now or as of a revision or a time, as JSON that SDKs can read."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, scope

app = typer.Typer(add_completion=False)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write it. Left out: standard output.")] = None,
    revision: Annotated[int | None, typer.Option(help="As of this revision.")] = None,
    time: Annotated[str | None, typer.Option(help="As of this time, as in 2026-11-03T14:02:00Z.")] = None,
    project: options.Project = None,
    environment: options.Environment = None,
) -> None:
    """Write the whole state of an environment: flags, segments and layers, as SDKs receive them.

    The file works as `Client(file=…)` and in tests.
    """
    login = known_login()
    with Server(login) as server:
        state = server.read(f"{scope(login, project, environment)}/state", revision=revision, time=time)
    text = msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"
    if file is None:
        typer.echo(text, nl=False)
        return
    draft = file.with_name(f".{file.name}.part")
    draft.write_bytes(text)
    draft.replace(file)
    output.done(f"{len(state['flags'])} flags at revision {state['revision']} are in {file}")
