"""`pennon token`: what people and programs that run Pennon are let in by."""

import datetime
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path
from pennon.cli.times import shown_time

app = typer.Typer(help="Show tokens, make new ones and revoke them.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_tokens(
    every: Annotated[bool, typer.Option("--all", help="Revoked ones too.")] = False, json: options.Json = False
) -> None:
    """List tokens: who has which role where, and when each was used last. Their secrets are stored nowhere."""
    with Server(known_login()) as server:
        tokens = [one for one in server.pages("tokens") if every or not one["revoked"]]
    if json:
        return output.as_json(tokens)
    rows = [
        (one["key"][:12], one["role"], _used(one["lastUsed"]), _state(one), one["name"], _where(one)) for one in tokens
    ]
    output.table(("hash", "role", "last used", "", "name", "where"), rows, empty="No tokens.")
    return None


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what uses it.", show_default=False)],
    role: Annotated[str, typer.Option(help="What it may do, as `pennon role list` shows roles.")] = "reader",
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The only project it acts in. Left out: all of them.")
    ] = None,
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="The only environment of it. Repeat it. Left out: all.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="The only permission that it uses of its role's. Repeat it.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days that it is good. Left out: for ever.", min=1)] = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create a token. Its secret is shown this once."""
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days) if days else None  # noqa: TID251  # a shell
    body = {
        "name": name,
        "role": role,
        "project": project,
        "environments": environment or [],
        "scopes": scope or None,
        "notAfter": int(ends.timestamp()) if ends else None,
    }
    with Server(known_login()) as server:
        made = server.send("POST", "tokens", body, query={"why": why or None})
    if json:
        output.as_json(made)
        return
    output.done(f"token {made['token']['key'][:12]} is made: {role} in {_where(made['token'])}")
    if made["secret"] is not None:
        output.say(made["secret"])
        output.note("the secret is shown this once")


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its hash, as `pennon token list` shows it.", show_default=False)],
    why: options.Why = "",
) -> None:
    """Make a token worthless at once."""
    with Server(known_login()) as server:
        server.send("DELETE", path("tokens", token), query={"why": why or None})
    output.done(f"token {token} is revoked")


def _where(token: dict[str, Any]) -> str:
    if token["project"] is None:
        return "the installation"
    return ", ".join(f"{token['project']}/{each}" for each in token["environments"]) or str(token["project"])


def _state(token: dict[str, Any]) -> str:
    if token["revoked"]:
        return "revoked"
    if token["notAfter"] is None:
        return "good"
    until = datetime.datetime.fromtimestamp(token["notAfter"], datetime.UTC)
    return f"until {until:%Y-%m-%d %H:%M} UTC"


def _used(time: str | None) -> str:
    return "never" if time is None else shown_time(time)
