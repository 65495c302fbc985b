"""`pennon key signing`: the keys that the control plane signs environments by, so that SDKs can tell forgeries."""

import datetime
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path

app = typer.Typer(
    help="Show the keys that environments are signed by, make, rotate and retire them.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[str, typer.Option(help="What people call it.")]


@app.command("list")
def list_keys(json: options.Json = False) -> None:
    """List the signing keys, as SDKs are told them in trusted_keys or PENNON_TRUSTED_KEYS."""
    with Server(known_login()) as server:
        keys = sorted(server.pages("signing-keys"), key=lambda key: key["created"])
    if json:
        return output.as_json(keys)
    rows = [(one["key"], one["name"] or None, _made_at(one), _state(one)) for one in keys]
    output.table(("key", "name", "made", ""), rows, empty="Nothing is signed. To begin: pennon key signing create")
    return None


@app.command()
def create(name: Name = "", why: options.Why = "", json: options.Json = False) -> None:
    """Make the first signing key. Environments are signed from now on."""
    with Server(known_login()) as server:
        made = server.send("POST", "signing-keys", {"name": name}, query={"why": why or None})
    _show_made(made, json=json)


@app.command()
def rotate(name: Name = "", why: options.Why = "", json: options.Json = False) -> None:
    """Put a new key in the place of the one that signs. SDKs that trust the old one follow by themselves."""
    with Server(known_login()) as server:
        made = server.send("POST", "signing-keys/rotate", {"name": name}, query={"why": why or None})
    _show_made(made, json=json)


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="The key, or how it begins.", show_default=False)],
    confirm: Annotated[
        str | None, typer.Option(help="The key that signs, whole, to retire it too: nothing is signed any more.")
    ] = None,
    why: options.Why = "",
) -> None:
    """Let a replaced key's successor not be followed any more: who trusts only that key takes nothing new."""
    query = {"why": why or None, "confirm": confirm}
    with Server(known_login()) as server:
        server.send("DELETE", path("signing-keys", key), query=query)
    output.done(f"signing key {key} is retired")


def _show_made(made: dict[str, Any], *, json: bool) -> None:
    if json:
        output.as_json(made)
        return
    output.done("the signing key is made; tell it to your SDKs and edge nodes, in trusted_keys or as")
    output.say(f"PENNON_TRUSTED_KEYS={made['key']}")


def _state(key: dict[str, Any]) -> str:
    if key["retired"]:
        return "retired"
    if key["active"]:
        return "signs"
    return f"replaced by {key['replacedBy'][:20]}…"


def _made_at(key: dict[str, Any]) -> str:
    made = datetime.datetime.fromtimestamp(key["created"] / 1000, datetime.UTC)
    return f"{made:%Y-%m-%d %H:%M} UTC"
