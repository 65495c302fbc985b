"""`pennon session`: who is signed in, and out with whom."""

from typing import Annotated

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path
from pennon.cli.times import shown_time

app = typer.Typer(help="Show who is signed in, and sign people out.", no_args_is_help=True, add_completion=False)

Of = Annotated[str | None, typer.Option("--account", help="Of this account only.", show_default=False)]


@app.command("list")
def list_sessions(account: Of = None, json: options.Json = False) -> None:
    """List who is signed in, the last seen first."""
    with Server(known_login()) as server:
        sessions = list(server.pages("sessions", account=account))
    if json:
        return output.as_json(sessions)
    rows = [
        (one["key"], one["account"], one["how"], *(shown_time(one[name]) for name in ("created", "lastUsed", "ends")))
        for one in sessions
    ]
    output.table(("hash", "account", "by", "since", "last used", "ends"), rows, empty="Nobody is signed in.")
    return None


@app.command()
def end(
    session: Annotated[
        str | None, typer.Argument(help="Its hash, as `pennon session list` shows it.", show_default=False)
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="All sessions of this account.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="All sessions of everybody.")] = False,
) -> None:
    """End a session, all of an account, or all of everybody: whoever has its cookie is out with the next request.

    As in: pennon session end --account anne
    """
    if sum((session is not None, account is not None, everybody)) != 1:
        raise typer.BadParameter("name one session, or --account, or --everybody")
    with Server(known_login()) as server:
        if session is not None:
            server.send("DELETE", path("sessions", session))
        elif account is not None:
            server.send("DELETE", path("accounts", account, "sessions"))
        else:
            server.send("DELETE", "sessions")
    output.done("everybody is signed out" if everybody else f"{session or account} is signed out")
