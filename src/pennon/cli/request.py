"""`pennon request`: changes that are proposed, reviewed by others, and then made as one."""

import datetime
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import WRONG_USE, Server, fail, known_login, path, scope
from pennon.cli.previewing import show_broken_glass, show_preview
from pennon.cli.times import parse_time, shown_time
from pennon.cli.values import read_json

app = typer.Typer(help="Propose changes, review them, and make them.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="The request's key, as `pennon request list` shows it.", show_default=False)]
_EDITS = "A JSON or YAML file of edits, or - for standard input, as `change apply` takes it."
_AT = "When it is made by itself, if it is approved: '2026-12-01 09:00 Europe/Berlin', or RFC 3339."
_NEVER = "never"
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
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}"
        found = server.read(target)
        previews = server.read(f"{target}/preview")["environments"]
    if json:
        return output.as_json(found | {"preview": previews})
    output.fields(
        {
            "request": found["key"],
            "title": found["title"],
            "why": found["why"] or None,
            "who": found["author"]["name"],
            "state": found["state"],
            "approvals": str(found["approvals"]),
            "made": None if found["applyAt"] is None else shown_time(found["applyAt"]),
        }
    )
    show_broken_glass(found)
    if found["attempt"] is not None:
        output.note(f"It was not made at {shown_time(found['attempt']['time'])}: {found['attempt']['why']}")
    for preview in previews:
        output.say(f"\nin {preview['environment']}:")
        show_preview(preview, indent="  ")
        for problem in preview["problems"]:
            output.note(f"in the way: {problem['message']}; {problem['mend']}")
    for said in sorted([*found["reviews"], *found["comments"]], key=lambda each: str(each["time"])):
        output.say(f"\n{_said(said)}")
    return None


@app.command()
def create(
    title: Annotated[str, typer.Argument(help="In a line, what it changes.", show_default=False)],
    edits: Annotated[str, typer.Option(help=_EDITS)],
    at: Annotated[str | None, typer.Option(help=_AT, show_default=False)] = None,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Propose edits, of one environment or of several at once.

    pennon request create "Launch" --edits launch.json --env production --at "2026-12-01 09:00 Europe/Berlin"

    Of several environments the file is {"changes": [{"environment": "staging", "edits": […]}, …]}.
    """
    login = known_login()
    body = {"title": title, "why": why, "changes": _changes(edits, environment or login.environment)}
    if at is not None:
        body["applyAt"] = parse_time(at)
    with Server(login) as server:
        made = server.send("POST", f"{scope(login, project, whole=True)}/requests", body)
    if json:
        return output.as_json(made)
    when = f", for {shown_time(made['applyAt'])}" if made["applyAt"] else ""
    output.done(f"request {made['key']} is made{when}. Somebody else approves it: pennon request approve {made['key']}")
    return None


@app.command()
def edit(  # a command's options
    key: Key,
    title: Annotated[str | None, typer.Option(help="In a line, what it changes.", show_default=False)] = None,
    edits: Annotated[str | None, typer.Option(help=_EDITS, show_default=False)] = None,
    at: Annotated[str | None, typer.Option(help=f"{_AT} never: by hand.", show_default=False)] = None,
    project: options.Project = None,
    environment: options.Environment = None,
    why: Annotated[str | None, typer.Option("--why", "-w", help="Why it is to be made.", show_default=False)] = None,
    json: options.Json = False,
) -> None:
    """Propose something else, or the same on what is there now. It has to be approved again, by somebody else than you.

    What is left out stays as it is.
    """
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}"
        found = server.read(target)
        body = {name: found[name] for name in ("title", "why", "changes", "applyAt")}
        body |= {name: value for name, value in (("title", title), ("why", why)) if value is not None}
        if at is not None:
            body["applyAt"] = None if at == _NEVER else parse_time(at)
        if edits is not None:
            only = found["changes"][0]["environment"] if len(found["changes"]) == 1 else ""
            body["changes"] = _changes(edits, environment or only)
        made = server.send("PUT", target, body, expected=found["version"])
    if json:
        return output.as_json(made)
    output.done(f"request {key} is edited; it has {made['approvals']} approvals")
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
def comment(
    key: Key,
    text: Annotated[str, typer.Argument(help="What you have to say.", show_default=False)],
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """Say something of a request without a verdict: also of your own, and of one that has ended.

    pennon request comment 4f0c2a9be1d3 "After the sale, please."
    """
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('requests', key)}/comments"
        made = server.send("POST", target, {"text": text})
    if json:
        return output.as_json(made)
    output.done(f"request {key} has your comment")
    return None


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
    show_broken_glass(made)
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


def _said(said: dict[str, Any]) -> str:
    """Return what a review or a comment says, in a line."""
    who, when = said["by"]["name"], _day(said["time"])
    if "verdict" not in said:
        return f"{who} said on {when}: {said['text']}"
    counts = "" if said["counts"] else " (of an earlier edition, or taken back)"
    why = f": {said['comment']}" if said["comment"] else ""
    return f"{who} {said['verdict']} it on {when}{counts}{why}"


def _changes(file: str, environment: str) -> list[Any]:
    """Return what *file* proposes: for the environments that it names, or for *environment*."""
    found = read_json(file)
    if isinstance(found, dict) and isinstance(changes := found.get("changes"), list):
        return changes
    edits = found.get("edits") if isinstance(found, dict) else found
    if not environment:
        mend = 'add --env, or write {"changes": [{"environment": "production", "edits": […]}]} into the file'
        fail("Which environment?", mend=mend, status=WRONG_USE)
    return [{"environment": environment, "edits": edits}]


def _where(request: dict[str, Any]) -> str:
    return ", ".join(each["environment"] for each in request["changes"])


def _day(text: str) -> str:
    return f"{datetime.datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
