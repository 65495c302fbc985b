"""`pennon environment`: the environments of a project, each with its own configuration of every flag."""

from typing import Annotated

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, scope

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
        (one["key"], one.get("name") or None, "production" if one.get("production") else None) for one in environments
    ]
    output.table(("key", "name", ""), rows, empty="No environments. Make one: pennon environment create KEY")
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
