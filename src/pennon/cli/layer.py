"""`pennon layer`: experiments that share users without meeting, each in places of its own."""

import re
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.changing import make
from pennon.cli.connection import WRONG_USE, Server, fail, known_login, path, scope
from pennon.cli.previewing import show_warnings
from pennon.cli.values import read_json
from pennon.model import WEIGHT_TOTAL

app = typer.Typer(help="Show layers and change them.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="The layer's key.", show_default=False)]
_SLOT = re.compile(r"(.*)=([0-9]{1,6})-([0-9]{1,6})", re.DOTALL)


@app.command("list")
def list_layers(
    project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """List an environment's layers."""
    login = known_login()
    with Server(login) as server:
        layers = list(server.pages(f"{scope(login, project, environment)}/layers"))
    if json:
        return output.as_json(layers)
    rows = [
        (one["key"], one["by"], ", ".join(sorted({slot["experiment"] for slot in one["slots"]})) or None, _free(one))
        for one in layers
    ]
    empty = "No layers. Make one: pennon layer create KEY"
    output.table(("key", "deals out", "experiments", "free"), rows, empty=empty)
    return None


@app.command()
def show(
    key: Key, project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """Show a layer: which experiment owns which places."""
    login = known_login()
    with Server(login) as server:
        layer = server.read(f"{scope(login, project, environment)}/{path('layers', key)}")
    if json:
        return output.as_json(layer)
    output.fields({"layer": layer["key"], "deals out": layer["by"], "salt": layer["salt"], "free": _free(layer)})
    output.console().print()
    rows = [
        (slot["experiment"], slot["from"], slot["to"], _share(slot["to"] - slot["from"]))
        for slot in sorted(layer["slots"], key=lambda slot: slot["from"])
    ]
    empty = f"No experiment owns places. Deal them out: pennon layer deal {key} EXPERIMENT=0-{WEIGHT_TOTAL // 2}"
    output.table(("experiment", "from", "to", "share"), rows, empty=empty)
    return None


@app.command()
def create(
    key: Key,
    by: Annotated[str, typer.Option(help="The attribute whose values have places.")] = "targetingKey",
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Create a layer, whose places are all free."""
    login = known_login()
    query = {"why": why or None, "breakGlass": "true" if break_glass else None}
    with Server(login) as server:
        layer = server.send("POST", f"{scope(login, project, environment)}/layers", {"key": key, "by": by}, query=query)
    if json:
        return output.as_json(layer)
    where = f"{project or login.project}/{environment or login.environment}"
    output.done(f"{key} is made in {where}. Deal it out: pennon layer deal {key} EXPERIMENT=0-{WEIGHT_TOTAL // 2}")
    show_warnings(layer)
    return None


@app.command()
def put(
    key: Key,
    file: Annotated[str, typer.Argument(help="A JSON or YAML file with the layer; - for standard input.")],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    preview: options.Preview = False,
    json: options.Json = False,
) -> None:
    """Create a layer, or replace it. Without a salt in the file it keeps its own, and who has a place keeps it."""
    content = read_json(file)
    layer = content | {"key": key} if isinstance(content, dict) else content
    edit = {"do": "putLayer", "layer": layer}
    place = (project, environment)
    make([edit], f"{key} is as in {file}", place, why=why, break_glass=break_glass, preview=preview, json=json)


@app.command()
def deal(
    key: Key,
    slots: Annotated[
        list[str],
        typer.Argument(help="EXPERIMENT=FROM-TO, places from 0 to 100000. Several, with spaces.", show_default=False),
    ],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    preview: options.Preview = False,
    json: options.Json = False,
) -> None:
    """Say which experiment owns which places; the others are free then.

    Who has a place that gets another owner sees that experiment from then on. As in:
    pennon layer deal checkout new-form=0-30000 fast-lane=30000-60000
    """
    edit = {"do": "setSlots", "layer": key, "slots": [_slot(text) for text in slots]}
    sentence = f"{key} is dealt out as {' '.join(slots)}"
    make([edit], sentence, (project, environment), why=why, break_glass=break_glass, preview=preview, json=json)


@app.command()
def delete(
    key: Key,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Delete a layer in which no flag has an experiment any more."""
    make(
        [{"do": "deleteLayer", "layer": key}],
        f"{key} is deleted",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
    )


def _slot(text: str) -> dict[str, object]:
    found = _SLOT.fullmatch(text)
    if found is None or not found[1]:
        mend = "write EXPERIMENT=FROM-TO, as in new-form=0-30000 for the first 30 %"
        fail(f"{text!r} is no slot", mend=mend, status=WRONG_USE)
    return {"experiment": found[1], "from": int(found[2]), "to": int(found[3])}


def _free(layer: dict[str, Any]) -> str:
    return _share(WEIGHT_TOTAL - sum(slot["to"] - slot["from"] for slot in layer["slots"]))


def _share(places: int) -> str:
    return f"{places * 100 / WEIGHT_TOTAL:g} %"
