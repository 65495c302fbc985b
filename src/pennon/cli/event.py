"""`pennon event`: deploys and other events of your systems, as they report them."""

import datetime
from typing import Annotated

import typer

from pennon.cli import connection, options, output
from pennon.cli.connection import Server, known_login, scope
from pennon.cli.values import read_json

app = typer.Typer(
    help="Report deploys and other events of your systems.",
    epilog="As in: pennon event report deploy --service api --version 1.2.3 --env production",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def report(  # what there is to say of an event
    kind: Annotated[str, typer.Argument(help="deploy, config, incident or other.", show_default=False)],
    service: Annotated[str, typer.Option(help="What was deployed, or is concerned.")] = "",
    version: Annotated[str, typer.Option(help="Its version.")] = "",
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="An environment that it concerns. Repeat it. None: all.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--id", help="Your name for it, so that it counts once: the number of a build.")
    ] = None,
    at: Annotated[
        datetime.datetime | None,
        typer.Option("--time", formats=["%Y-%m-%dT%H:%M:%S%z"], help="When it happened, with a zone. Default: now."),
    ] = None,
    link: Annotated[str, typer.Option(help="Where there is more.")] = "",
    who: Annotated[str, typer.Option(help="Who did it.")] = "",
    text: Annotated[str, typer.Option(help="What there is to say of it.")] = "",
    attributes: Annotated[
        str | None, typer.Option(help="A JSON file with anything more, up to 4 KiB; - for standard input.")
    ] = None,
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """Report what happened in another system. Once for each --id, however often it is sent."""
    login = known_login()
    more = read_json(attributes) if attributes is not None else {}
    if not isinstance(more, dict):
        connection.fail(
            f"{attributes} holds no JSON object", mend='write {"name": "value"}', status=connection.WRONG_USE
        )
    body = {
        "id": identity,
        "project": project or login.project,
        "kind": kind,
        "time": at.isoformat() if at else None,
        "environments": environment or [],
        "service": service,
        "version": version,
        "link": link,
        "who": who,
        "text": text,
        "attributes": more,
    }
    with Server(login) as server:
        made = server.send("POST", "events/external", body)
    if json:
        return output.as_json(made)
    what = " ".join(each for each in (service, version) if each)
    output.done(f"{kind}{' of ' + what if what else ''} is reported as {made['id']}")
    return None


@app.command("list")
def list_events(
    since: Annotated[
        datetime.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="What happened then or later."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest.", min=1, max=1000)] = 20,
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """List what was reported, the newest first."""
    login = known_login()
    begin = None if since is None else (since if since.tzinfo else since.astimezone()).isoformat()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/events/external"
        found = server.read(target, limit=limit, **({} if begin is None else {"from": begin}))["items"]
    if json:
        return output.as_json(found)
    rows = [
        (
            f"{datetime.datetime.fromisoformat(one['time']).astimezone():%Y-%m-%d %H:%M:%S}",
            one["kind"],
            " ".join(each for each in (one["service"], one["version"]) if each) or None,
            ", ".join(one["environments"]) or "all",
            one["who"] or None,
            one["text"] or one["link"] or None,
        )
        for one in found
    ]
    output.table(("when", "what", "of", "where", "who", ""), rows, empty="Nothing was reported.")
    return None
