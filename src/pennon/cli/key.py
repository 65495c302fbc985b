"""`pennon key`: the keys with which SDKs, browsers and edge nodes read an environment."""

import datetime
from typing import Annotated, Any

import msgspec
import typer

from pennon.cli import options, output, signing
from pennon.cli.connection import Login, Server, known_login, path, scope

app = typer.Typer(help="Show keys, make new ones, rotate and revoke them.", no_args_is_help=True, add_completion=False)
app.add_typer(signing.app, name="signing")

Hash = Annotated[str, typer.Argument(help="The key's hash, as `pennon key list` shows it.", show_default=False)]


@app.command("list")
def list_keys(
    project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """List an environment's keys. Their secrets are stored nowhere."""
    login = known_login()
    with Server(login) as server:
        keys = list(server.pages(f"{scope(login, project, environment)}/keys"))
    if json:
        return output.as_json(keys)
    rows = [(one["key"][:12], one["kind"], one["name"] or None, _state(one), ", ".join(_limits(one))) for one in keys]
    output.table(("hash", "kind", "name", "", "only for"), rows, empty="No keys. Make one: pennon key create")
    return None


def _limits(key: dict[str, Any]) -> list[str]:
    return [*key["origins"], *(["signed targeting keys"] if key["requiresSignature"] else [])]


def _state(key: dict[str, Any]) -> str:
    if key["revoked"]:
        return "revoked"
    if key["notAfter"] is None:
        return "good"
    until = datetime.datetime.fromtimestamp(key["notAfter"], datetime.UTC)
    return f"until {until:%Y-%m-%d %H:%M} UTC"


@app.command()
def create(
    kind: Annotated[str, typer.Argument(help="server, client (browsers and apps) or edge.")] = "server",
    name: Annotated[str, typer.Option(help="Who or what uses it.")] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="A page origin that may use a client key, as https://shop.example.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="Another environment that an edge key opens, as shop/staging.")
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="A client key for targeting keys only that your server signed.")
    ] = False,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create a key. Its secret is shown this once."""
    login = known_login()
    body: dict[str, Any] = {"kind": kind, "name": name, "origins": origin or [], "environments": also or []}
    body["requireSignature"] = require_signature
    with Server(login) as server:
        made = server.send("POST", f"{scope(login, project, environment)}/keys", body, query={"why": why or None})
    _show_issued(made, json=json)
    if made["secret"] is not None and not json:
        output.note(_first_lines(login, made))


@app.command()
def rotate(
    key: Hash,
    overlap: Annotated[int, typer.Option(help="Hours that the old key stays good.")] = 24,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Make a key's successor. The old one stays good for a while, so that nothing breaks meanwhile."""
    login = known_login()
    body = {"overlapSeconds": overlap * 3600}
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/{path('keys', key)}/rotate"
        made = server.send("POST", target, body, query={"why": why or None})
    _show_issued(made, json=json)
    if not json:
        output.note(f"the old key is good for another {overlap} hours")


@app.command()
def revoke(
    key: Hash,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
) -> None:
    """Make a key worthless at once."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/{path('keys', key)}"
        server.send("DELETE", target, query={"why": why or None})
    output.done(f"key {key} is revoked")


def _first_lines(login: Login, made: dict[str, Any]) -> str:
    from pennon.stream.snippets import Module, snippet  # noqa: PLC0415  # what a node needs takes long to import

    with Server(login, prefix="js/v1/") as public:
        module = msgspec.convert(public.read("integrity.json")["pennon.js"], Module)
    return f"it begins like this:\n\n{snippet(made['key']['kind'], login.url.rstrip('/'), made['secret'], module)}"


def _show_issued(made: dict[str, Any], *, json: bool) -> None:
    if json:
        output.as_json(made)
        return
    output.done(f"{made['key']['kind']} key {made['key']['key'][:12]} is made")
    if made["secret"] is None:
        output.note("this request had been made before; its secret was shown then, and is stored nowhere")
        return
    output.say(made["secret"])
    if made["signingSecret"] is not None:
        output.say(made["signingSecret"])
        output.note("the second is the signing secret, for your server: no page may have it")
    output.note("the secret is shown this once")
