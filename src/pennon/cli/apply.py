"""`pennon apply`: brings a project to what the files of a folder say, as one change, or proposes it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pennon.cli import folders, options, output, plans
from pennon.cli.connection import WRONG_USE, fail, known_login
from pennon.cli.previewing import show_broken_glass

app = typer.Typer(add_completion=False)


@app.command()
def apply(
    folder: folders.FolderOf = Path(),
    prune: folders.Prune = False,
    keep_off: folders.KeepOff = False,
    turn_on: folders.TurnOn = None,
    request: Annotated[
        str, typer.Option(help="Propose it, under this title, for others to approve.", show_default=False)
    ] = "",
    source: Annotated[
        str, typer.Option(help="The repository of the files. Default: that of the CI job.", show_default=False)
    ] = "",
    commit: Annotated[str, typer.Option(help="The commit. Default: that of the CI job.", show_default=False)] = "",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Without what the environments demand. The log says that you did.")
    ] = False,
    yes: options.Yes = False,
    project: folders.OtherProject = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Bring a project to what the files of a folder say, in all its environments as one change, or not at all.

    Shows the plan and asks first; a plan that was overtaken is refused, naming who changed what. Twice changes
    nothing. As in: pennon apply flags/ --yes
    """
    login, found = known_login(), folders.known_folder(folder)
    orders = {"prune": prune, "keepOff": keep_off, "turnOn": turn_on or []}
    made = folders.send(login, found, project, "plan", orders)
    where = project or found.project
    if not json:
        plans.show(made, where, prune=prune)
    if (off := plans.turned_off(made, turn_on or ())) and not keep_off:
        fail(
            f"Somebody turned off what the files have on: {', '.join(off)}. Nothing was changed.",
            mend=f"keep off: --keep-off, turn on again: --turn-on {off[0]}, or write `on: false` into the file",
        )
    origin = _origin(os.environ)
    orders |= {"source": source or origin[0], "commit": commit or origin[1]}
    if request:
        if not made["changed"]:
            fail("There is nothing to propose.")
        return _propose(folders.send(login, found, project, "requests", {**orders, "title": request, "why": why}), json)
    if made["changed"] and not (yes or _agrees(where)):
        raise typer.Abort
    orders |= {"expected": made["revisions"], "breakGlass": break_glass}
    done = folders.send(login, found, project, "apply", orders, why=why)
    if json:
        output.as_json({**done, "plan": made})
    elif made["changed"]:
        output.done(f"{where} is as the files say")
        show_broken_glass(done)
    return None


def _agrees(where: str) -> bool:
    if not _is_asked():
        fail(f"{where} would change, and there is nobody to ask.", mend="add --yes", status=WRONG_USE)
    return typer.confirm("Apply it?")


def _is_asked() -> bool:
    return sys.stdin.isatty()


def _propose(made: Mapping[str, Any], json: bool) -> None:
    if json:
        output.as_json(made)
        return
    output.done(f"request {made['key']} is made. Somebody else approves it: pennon request approve {made['key']}")


def _origin(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the repository and the commit that a job of GitHub or GitLab is about; empty where it is none."""
    if repository := environ.get("GITHUB_REPOSITORY"):
        return f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}", environ.get("GITHUB_SHA", "")
    return environ.get("CI_PROJECT_URL", ""), environ.get("CI_COMMIT_SHA", "")
