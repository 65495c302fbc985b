"""`pennon plan`: what the files of a folder would change, and what was changed behind their back."""

from pathlib import Path
from typing import Annotated

import typer

from pennon.cli import folders, options, output, plans
from pennon.cli.connection import NO, known_login

app = typer.Typer(add_completion=False)


@app.command()
def plan(
    folder: folders.FolderOf = Path(),
    prune: folders.Prune = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where there is something to change.")] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Show only what others changed since files were applied; exit with 1 if so.")
    ] = False,
    keep_off: folders.KeepOff = False,
    turn_on: folders.TurnOn = None,
    project: folders.OtherProject = None,
    json: options.Json = False,
) -> None:
    """Show what the files of a folder would change, and change nothing.

    + is created, ~ changed, - deleted; ! was turned off by somebody, and needs your word to be turned on again;
    ≠ was changed by others since the files were applied last. As in: pennon plan flags/ --check
    """
    login, found = known_login(), folders.known_folder(folder)
    orders = {"prune": prune, "keepOff": keep_off, "turnOn": turn_on or []}
    made = folders.send(login, found, project, "plan", orders)
    where = project or found.project
    if json:
        output.as_json(made["drift"] if drift else made)
    elif drift:
        plans.drift(made, where)
    else:
        plans.show(made, where, prune=prune)
    if (drift and made["drift"]) or (check and made["changed"]):
        raise typer.Exit(NO)
