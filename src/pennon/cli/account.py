"""`pennon account`: the people who run Pennon, and which roles they hold where."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path
from pennon.cli.settings import BadSettings, load_settings
from pennon.cli.times import shown_time

app = typer.Typer(help="Show accounts, make new ones, say who may do what.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="What the person signs in with.", show_default=False)]
Grants = Annotated[
    list[str] | None,
    typer.Option(
        "--grant",
        help="A role, and where: developer (everywhere), developer@shop, releaseManager@shop/production. Repeat it.",
        show_default=False,
    ),
]


@app.command("list")
def list_accounts(json: options.Json = False) -> None:
    """List accounts, disabled ones too."""
    with Server(known_login()) as server:
        accounts = list(server.pages("accounts"))
    if json:
        return output.as_json(accounts)
    rows = [
        (
            one["key"],
            one["name"] or None,
            ", ".join(map(_shown, [*one["grants"], *one["providerGrants"]])),
            "disabled" if one["disabled"] else "emergency" if one["emergency"] else None,
            shown_time(one["lastUsed"]) if one["lastUsed"] else "never",
        )
        for one in accounts
    ]
    output.table(
        ("account", "name", "grants", "", "last used"), rows, empty="No accounts. Make one: pennon account create KEY"
    )
    return None


@app.command()
def create(
    key: Key,
    name: Annotated[str, typer.Option(help="What people call him.")] = "",
    email: Annotated[str, typer.Option(help="His e-mail address.")] = "",
    grant: Grants = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Its password is good also where people come by an identity provider.")
    ] = False,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create an account. It has no password yet.

    As in: pennon account create anne --name Anne --grant developer@shop
    """
    grants = [_grant(each) for each in grant or ()]
    body = {"key": key, "name": name, "email": email, "grants": grants, "emergency": emergency}
    with Server(known_login()) as server:
        made = server.send("POST", "accounts", body, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"account {key} is made. Give it a password: pennon account password {key}")
    return None


@app.command()
def grant(
    key: Key,
    grants: Annotated[
        list[str], typer.Argument(metavar="ROLE[@PROJECT[/ENVIRONMENT]]…", help="All that it holds from now on.")
    ],
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Replace the roles that an account holds, from its next request on."""
    made = _change(key, {"grants": [_grant(each) for each in grants]}, why)
    if json:
        return output.as_json(made)
    output.done(f"{key} is {', '.join(map(_shown, made['grants']))}")
    return None


@app.command()
def disable(key: Key, why: options.Why = "") -> None:
    """Keep somebody out, from his next request on."""
    _change(key, {"disabled": True}, why)
    output.done(f"{key} is kept out")


@app.command()
def enable(key: Key, why: options.Why = "") -> None:
    """Let somebody in again."""
    _change(key, {"disabled": False}, why)
    output.done(f"{key} may come in")


@app.command()
def emergency(
    key: Key,
    off: Annotated[bool, typer.Option("--off", help="Take it back.")] = False,
    why: options.Why = "",
) -> None:
    """Have an account's password be good when the identity provider is down. Each use of it is told to everybody."""
    _change(key, {"emergency": not off}, why)
    output.done(f"{key} is {'no emergency account any more' if off else 'an emergency account'}")


@app.command()
def link(
    key: Key,
    subject: Annotated[
        str | None, typer.Argument(help="What the identity provider calls the person: its sub.", show_default=False)
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Nobody comes in with it by the provider any more.")] = False,
    why: options.Why = "",
) -> None:
    """Say who at the identity provider an account belongs to. Without, a newcomer gets an account of his own.

    As in: pennon account link anne 248289761001
    """
    if (subject is None) != off:
        raise typer.BadParameter("name the person by his sub, or write --off")
    with Server(known_login()) as server:
        provider = server.read("sign-in")["provider"]
    if not off and provider is None:
        raise typer.BadParameter("the server has no identity provider: set PENNON_OIDC_ISSUER there")
    _change(key, {"identity": None if off else {"issuer": provider["issuer"], "subject": subject}}, why)
    output.done(f"{key} is {'nobody' if off else subject} at the identity provider")


@app.command()
def password(key: Key) -> None:
    """Give an account a password, asked for or read from standard input. Its sessions end."""
    given = _password()
    with Server(known_login()) as server:
        server.send("PUT", path("accounts", key, "password"), {"password": given})
    output.done(f"{key} has another password")


@app.command()
def delete(key: Key, why: options.Why = "") -> None:
    """Delete an account. What it did stays in the log."""
    with Server(known_login()) as server:
        server.send("DELETE", path("accounts", key), query={"why": why or None})
    output.done(f"account {key} is deleted")


@app.command()
def rescue(
    key: Key,
    data: Annotated[
        str | None, typer.Option(help="The server's data folder. [PENNON_DATA]", show_default=False)
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="The server's database. [PENNON_DATABASE_URL]", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's TOML file with settings.", metavar="FILE")] = None,
) -> None:
    """Make an account an administrator's when nobody gets in any more, in the database itself. Takes no token.

    Run it where the server runs, as its user. The password is asked for, or read from standard input. As in:
    pennon account rescue anne --data pennon-data
    """
    from pennon.control.app import CannotStart  # noqa: PLC0415  # a whole server, which the other verbs do without
    from pennon.control.app import rescue as rescued  # noqa: PLC0415
    from pennon.control.config import Settings  # noqa: PLC0415

    try:
        settings = load_settings(Settings, {"data": data, "database_url": database_url}, os.environ, file=config)
        rescued(settings, key, _password())
    except BadSettings as error:
        output.error(f"These settings cannot be used: {error}")
        raise typer.Exit(2) from error
    except CannotStart as error:
        output.error(str(error))
        raise typer.Exit(1) from error
    output.done(f"{key} is an administrator, and comes in by this password")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _change(key: str, fields: dict[str, Any], why: str) -> Any:
    with Server(known_login()) as server:
        return server.alter(path("accounts", key), fields, why=why)


def _grant(text: str) -> dict[str, Any]:
    role, _, where = text.partition("@")
    project, _, environment = where.partition("/")
    return {"role": role, "project": project or None, "environments": [environment] if environment else []}


def _shown(grant: dict[str, Any]) -> str:
    if not grant.get("project"):
        return str(grant["role"])
    environments = grant.get("environments") or [""]
    return ", ".join(f"{grant['role']}@{grant['project']}{'/' if each else ''}{each}" for each in environments)
