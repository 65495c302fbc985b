"""`pennon environment`: the environments of a project, each with its own configuration of every flag."""

from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path, scope

app = typer.Typer(help="Show environments and make new ones.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_environments(project: options.Project = None, json: options.Json = False) -> None:
    """List a project's environments."""
    login = known_login()
    with Server(login) as server:
        environments = list(server.pages(f"{scope(login, project, whole=True)}/environments"))
    if json:
        return output.as_json(environments)
    rows = [
        (one["key"], one.get("name") or None, "production" if one.get("production") else None, _owner(one))
        for one in environments
    ]
    output.table(("key", "name", "", ""), rows, empty="No environments. Make one: pennon environment create KEY")
    return None


@app.command()
def create(
    key: Annotated[str, typer.Argument(help="The environment's key.", show_default=False)],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    production: Annotated[bool, typer.Option("--production", help="Real users are in it.")] = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create an environment. Every flag of the project is off in it."""
    login = known_login()
    body = {"key": key, "name": name, "production": production}
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/environments"
        environment = server.send("POST", target, body, query={"why": why or None})
    if json:
        return output.as_json(environment)
    output.done(f"environment {key} is made. SDKs need a key for it: pennon key create --env {key}")
    return None


@app.command()
def protect(
    key: Annotated[str, typer.Argument(help="The environment's key.", show_default=False)],
    reason: Annotated[bool, typer.Option("--demand-reason", help="Each change says why.")] = False,
    ticket: Annotated[
        str, typer.Option(help="A pattern that each reason holds, as in OPS-[0-9]+.", show_default=False)
    ] = "",
    approvals: Annotated[int, typer.Option(help="How many others have to approve a change.", min=0)] = 0,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            help="A time without changes: 2026-12-20T00:00Z/2027-01-04T00:00Z, or each week "
            "'fri 16:00/mon 06:00 Europe/Berlin'. Repeat it.",
            show_default=False,
        ),
    ] = None,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Say what each change of an environment has to meet. Without options: nothing.

    Turning a flag off never has to meet it. Who may break the glass changes it all the same, for a reason.
    """
    demands = {"why": reason, "ticket": ticket, "approvals": approvals, **_freezes(freeze or [])}
    protection = demands if any(demands.values()) else None
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('environments', key)}"
        made = server.alter(target, {"protection": protection}, why=why)
    if json:
        return output.as_json(made)
    output.done(f"{key} demands {_demanded(made['protection'])}")
    return None


@app.command()
def own(
    key: Annotated[str, typer.Argument(help="The environment's key.", show_default=False)],
    by_files: Annotated[
        bool, typer.Option("--by-files/--by-people", help="Whether files own it, or people change it, too.")
    ],
    source: Annotated[
        str, typer.Option(help="The repository of the files, as in git@host:team/flags.", show_default=False)
    ] = "",
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Say that files own an environment: `pennon apply` changes it, and nobody else does.

    Turning a flag off always passes, and so does who may break the glass, for a reason. As in:
    pennon environment own production --by-files --source git@host:team/flags
    """
    if by_files != bool(source.strip()):
        mend = "name the repository of the files" if by_files else "there are no files then: leave it out"
        raise typer.BadParameter(mend, param_hint="--source")
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/{path('environments', key)}"
        made = server.alter(target, {"files": {"source": source} if by_files else None}, why=why)
    if json:
        return output.as_json(made)
    if by_files:
        output.done(f"{key} belongs to the files of {source}: they change it, and nobody else does")
    else:
        output.done(f"{key} belongs to no files: people change it")
    return None


def _owner(environment: dict[str, Any]) -> str:
    files = environment.get("files")
    return f"belongs to the files of {files['source']}" if files else ""


def _freezes(texts: list[str]) -> dict[str, list[dict[str, str]]]:
    once: list[dict[str, str]] = []
    weekly: list[dict[str, str]] = []
    for text in texts:
        start, slash, rest = text.partition("/")
        if not slash:
            raise typer.BadParameter(f"{text!r} has no end: write START/UNTIL", param_hint="--freeze")
        if start[:1].isdigit():
            once.append({"start": start, "until": rest})
        else:
            *until, zone = rest.split(" ") if rest.count(" ") > 1 else [*rest.split(" "), "UTC"]
            weekly.append({"start": start, "until": " ".join(until), "zone": zone})
    return {"freezes": once, "weeklyFreezes": weekly}


def _demanded(protection: dict[str, Any] | None) -> str:
    if protection is None:
        return "nothing of a change"
    said = [
        "a reason" if protection.get("why") else "",
        f"a ticket like {protection['ticket']}" if protection.get("ticket") else "",
        f"{protection['approvals']} approval{'s' if protection['approvals'] > 1 else ''}"
        if protection.get("approvals")
        else "",
        *(f"no change from {each['start']} until {each['until']}" for each in protection.get("freezes", ())),
        *(
            f"no change from {each['start']} until {each['until']} {each.get('zone', 'UTC')}"
            for each in protection.get("weeklyFreezes", ())
        ),
    ]
    return ", ".join(filter(None, said))


def _approvals(count: int) -> str:
    return "" if not count else "1 approval" if count == 1 else f"{count} approvals"
