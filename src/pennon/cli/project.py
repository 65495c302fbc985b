"""`pennon project`: projects, which own flags and environments."""

from typing import Annotated

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path

app = typer.Typer(help="Show projects and make new ones.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_projects(json: options.Json = False) -> None:
    """List the projects."""
    with Server(known_login()) as server:
        projects = list(server.pages("projects"))
    if json:
        return output.as_json(projects)
    rows = [(one["key"], one.get("name") or None, one.get("description") or None) for one in projects]
    output.table(("key", "name", "description"), rows, empty="No projects. Make one: pennon project create KEY")
    return None


@app.command()
def create(
    key: Annotated[str, typer.Argument(help="The project's key.", show_default=False)],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="An environment in it. Repeat it.")
    ] = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create a project, and environments in it."""
    query = {"why": why or None}
    with Server(known_login()) as server:
        project = server.send("POST", "projects", {"key": key, "name": name}, query=query)
        for each in environment or ():
            server.send("POST", f"{path('projects', key)}/environments", {"key": each}, query=query)
    if json:
        return output.as_json(project)
    output.done(f"project {key} is made" + (f" with {', '.join(environment)}" if environment else ""))
    return None
