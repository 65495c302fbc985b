"""`pennon change`: the change log of an environment: what happened, what differs, and taking it back."""

import datetime
from typing import Annotated, Any

import typer

from pennon.cli import change_queue, options, output
from pennon.cli.changing import make
from pennon.cli.connection import Server, known_login, scope
from pennon.cli.previewing import show_broken_glass, show_preview, show_warnings
from pennon.cli.values import read_edits
from pennon.cli.watching import followed, told_line

app = typer.Typer(
    help="Read the change log, compare revisions, revert, apply edits.", no_args_is_help=True, add_completion=False
)
app.add_typer(change_queue.app, name="queue")

Revision = Annotated[int, typer.Argument(help="The revision that the change made.", show_default=False)]


@app.command("list")
def list_changes(
    project: options.Project = None,
    environment: options.Environment = None,
    flag: Annotated[str | None, typer.Option(help="Only changes of this flag.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest.", min=1, max=1000)] = 20,
    json: options.Json = False,
) -> None:
    """List the newest changes, the newest first."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/changes"
        changes = server.read(target, flag=flag, limit=limit, order="newest")["items"]
    if json:
        return output.as_json(changes)
    rows = [
        (one["revision"], _time(one["time"]), one["actor"]["name"], _what(one), one.get("why") or None)
        for one in changes
    ]
    output.table(("revision", "when", "who", "what", "why"), rows, empty="No changes yet.")
    return None


def _time(text: str) -> str:
    local = datetime.datetime.fromisoformat(text).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}"


def _what(change: dict[str, Any]) -> str:
    items = [f"{edit['kind']} {edit['key']}" for edit in change.get("edits") or ()]
    named = ", ".join(items[:3]) + (f" and {len(items) - 3} more" if len(items) > 3 else "")
    return f"{change['action']}: {named}" if named else str(change["action"])


@app.command()
def show(
    revision: Revision,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Show one change: who, when, why, and field by field what it altered."""
    login = known_login()
    with Server(login) as server:
        place = scope(login, project, environment)
        change = server.read(f"{place}/changes/{revision}")
        differences = server.read(f"{place}/diff", **{"from": revision - 1, "to": revision})
    if json:
        return output.as_json(change)
    output.fields(
        {
            "revision": change["revision"],
            "change": change["changeId"],
            "when": _time(change["time"]),
            "who": change["actor"]["name"],
            "why": change.get("why") or None,
        }
    )
    output.console().print()
    show_differences(differences)
    return None


@app.command()
def watch(
    project: options.Project = None,
    environment: options.Environment = None,
    limit: Annotated[int | None, typer.Option(help="End after so many.", min=1, show_default=False)] = None,
    json: options.Json = False,
) -> None:
    """Show changes and external events as they happen, everywhere or in one place, until it is ended.

    It goes on where it was after a connection broke: nothing is left out. With --json, one object a line.
    """
    login = known_login()
    if environment is not None and project is None:
        project = login.project
    with Server(login) as server:
        for number, (kind, told) in enumerate(followed(server, project, environment), 1):
            if json:
                output.as_line({"event": kind, **told})
            else:
                output.say(told_line(kind, told))
            if number == limit:
                return


@app.command()
def diff(
    start: Annotated[int, typer.Argument(metavar="FROM", help="The older revision.", show_default=False)],
    stop: Annotated[int, typer.Argument(metavar="TO", help="The newer revision.", show_default=False)],
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Show what differs between two revisions."""
    login = known_login()
    with Server(login) as server:
        differences = server.read(f"{scope(login, project, environment)}/diff", **{"from": start, "to": stop})
    if json:
        return output.as_json(differences)
    show_differences(differences)
    return None


@app.command()
def revert(
    revision: Revision,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Take a change back, as a new change. Refused, naming what, if one of its items has changed since."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/changes/{revision}/revert"
        made = server.send("POST", target, {"why": why, "breakGlass": break_glass})
    if json:
        return output.as_json(made)
    if not made["changed"]:
        output.done(f"revision {revision} is undone already: nothing was changed")
    else:
        output.done(f"revision {revision} is taken back (revision {made['revision']})")
        show_broken_glass(made)
    show_warnings(made)
    return None


@app.command()
def preview(
    file: Annotated[str, typer.Argument(help="A JSON or YAML file with a list of edits; - for standard input.")],
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Show what edits would change, and whom they would move, and change nothing.

    pennon change preview - --env production <<< '[{"do": "turnOn", "flag": "new-checkout"}]'
    """
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/changes/preview"
        found = server.send("POST", target, {"edits": read_edits(file)})
    if json:
        return output.as_json(found)
    show_preview(found)
    return None


@app.command()
def apply(
    file: Annotated[str, typer.Argument(help="A JSON or YAML file with a list of edits; - for standard input.")],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Make several edits as one change: all of them or none.

    An edit is an object such as {"do": "turnOn", "flag": "new-checkout"}; the reference lists all of them. With --queue
    it waits for a server that is down or overloaded; Ctrl-C keeps the command for `pennon change queue run`.
    """
    edits = read_edits(file)
    make(
        edits,
        "1 edit is made" if len(edits) == 1 else f"{len(edits)} edits are made",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
        queue=queue,
    )


def show_differences(differences: dict[str, Any]) -> None:
    """Print what differs, item by item, in sentences."""
    items = differences["items"]
    if not items:
        output.say("Nothing differs.")
    for item in items:
        for sentence in item.get("sentences") or (f"{item['kind']} {item['key']}: {item['change']}",):
            output.say(sentence)
