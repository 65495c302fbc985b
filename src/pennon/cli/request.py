"""`pennon request`: changes that are proposed, reviewed by others, and then made as one."""

import datetime
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path, scope
from pennon.cli.previewing import show_preview
from pennon.cli.values import read_json

app = typer.Typer(help="Propose changes, review them, and make them.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="The request's key, as `pennon request list` shows it.", show_default=False)]
Comment = Annotated[str, typer.Option(help="What you have to say of it.")]


@app.command("list")
def list_requests(
    every: Annotated[bool, typer.Option("--all", help="Applied and withdrawn ones too.")] = False,
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """List the requests that are open, the newest first."""
    login = known_login()
    with Server(login) as server:
        found = list(server.pages(f"{scope(login, project, whole=True)}/requests", state=None if every else "open"))
    if json:
        return output.as_json(found)
    rows = [
        (one["key"], one["title"], one["author"]["name"], _where(one), one["state"], f"{one['approvals']} approvals")
        for one in found
    ]
    output.table(("key", "title", "who", "where", "", ""), rows, empty="No open requests.")
    return None


@app.command()
def show(key: Key, project: options.Project = None, json: options.Json = False) -> None:
    """Show a request: what would change where, and who said what of it."""
    login = known_login()
    in_project = scope(login, project, whole=True)
    with Server(login) as server:
        found = server.read(f"{in_project}/{path('requests', key)}")
        previews = {
            each["environment"]: server.send(
                "POST",
                f"{in_project}/{path('environments', each['environment'])}/changes/preview",
                {"edits": each["edits"]},
            )
            for each in found["changes"]
            if found["state"] == "open" and not json
        }
    if json:
        return output.as_json(found)
    output.fields(
        {
            "request": found["key"],
            "title": found["title"],
            "why": found["why"] or None,
            "who": found["author"]["name"],
            "state": found["state"],
            "approvals": str(found["approvals"]),
        }
    )
    for environment, preview in previews.items():
        output.say(f"\nin {environment}:")
        show_preview(preview, indent="  ")
    for review in found["reviews"]:
        counts = "" if review["counts"] else " (of an earlier edition, or taken back)"
        said = f": {review['comment']}" if review["comment"] else ""
        output.say(f"\n{review['by']['name']} {review['verdict']} it on {_day(review['time'])}{counts}{said}")
    return None


@app.command()
def create(
    title: Annotated[str, typer.Argument(help="In a line, what it changes.", show_default=False)],
    edits: Annotated[
        str, typer.Option("--edits", help="A JSON file of edits, or - for standard input, as `change apply` takes it.")
    ],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Propose edits of an environment. Several environments at once: over the API."""
    login = known_login()
    named = environment or login.environment
    if not named:
        raise typer.BadParameter("name the environment", param_hint="--env")
    found = read_json(edits)
    body = {
        "title": title,
        "why": why,
        "changes": [{"environment": named, "edits": found["edits"] if isinstance(found, dict) else found}],
    }
    with Server(login) as server:
        made = server.send("POST", f"{scope(login, project, whole=True)}/requests", body)
    if json:
        return output.as_json(made)
    output.done(f"request {made['key']} is made. Somebody else approves it: pennon request approve {made['key']}")
    return None


@app.command()
def approve(key: Key, comment: Comment = "", project: options.Project = None, json: options.Json = False) -> None:
    """Approve what a request proposes now. Nobody approves his own."""
    _review(key, "approved", comment, project, json=json)


@app.command()
def refuse(key: Key, comment: Comment = "", project: options.Project = None, json: options.Json = False) -> None:
    """Refuse what a request proposes now: it is not made until it is edited, or you approve it."""
    _review(key, "refused", comment, project, json=json)


@app.command()
def apply(
    key: Key,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Without what the environments demand. The log says that you did.")
    ] = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Make what a request proposes, in all its environments at once."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}/apply"
        made = server.send("POST", target, {"breakGlass": break_glass}, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"request {key} is made, in {_where(made)}")
    return None


@app.command()
def withdraw(key: Key, project: options.Project = None, why: options.Why = "") -> None:
    """End a request without a change."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}/withdraw"
        server.send("POST", target, query={"why": why or None})
    output.done(f"request {key} is withdrawn")


def _review(key: str, verdict: str, comment: str, project: str | None, *, json: bool) -> None:
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}/reviews"
        made = server.send("POST", target, {"verdict": verdict, "comment": comment})
    if json:
        output.as_json(made)
        return
    output.done(f"request {key} is {verdict} by you; it has {made['approvals']} approvals")


def _where(request: dict[str, Any]) -> str:
    return ", ".join(each["environment"] for each in request["changes"])


def _day(text: str) -> str:
    return f"{datetime.datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
