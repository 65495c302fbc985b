"""`pennon login`: which server commands speak to, and as whom."""

import sys
from typing import Annotated

import msgspec
import typer

from pennon.cli import connection, output

app = typer.Typer(add_completion=False)


@app.command()
def login(
    url: Annotated[str | None, typer.Argument(help="The server, as in http://127.0.0.1:8000.")] = None,
    token: Annotated[
        str | None, typer.Option(help="A token. Left out: asked for, or read from standard input.", show_default=False)
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of commands that name none.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--env", "-e", help="The environment of commands that name none.")
    ] = None,
) -> None:
    """Remember a server, a token, a project and an environment for the commands to come.

    PENNON_URL, PENNON_TOKEN, PENNON_PROJECT and PENNON_ENVIRONMENT go before what is remembered.
    """
    known = connection.known_login()
    chosen = {"url": url, "project": project, "environment": environment}
    login = msgspec.structs.replace(known, **{name: value for name, value in chosen.items() if value is not None})
    if token is None and (url is not None or not login.token):
        token = typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if token is not None:
        login = msgspec.structs.replace(login, token=token.strip())
    with connection.Server(login) as server:
        projects = [item["key"] for item in server.pages("projects")]
    if login.project not in projects and len(projects) == 1:
        login = msgspec.structs.replace(login, project=projects[0])
    where = connection.save_login(login)
    output.done(f"{login.url}, project {login.project}, environment {login.environment or '(name it with --env)'}")
    output.note(f"kept in {where}")
