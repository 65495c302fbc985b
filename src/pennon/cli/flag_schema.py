"""`pennon flag schema`: the values of a flag go over to another schema, in three steps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from pennon.cli import connection, options, output
from pennon.cli.connection import Server, known_login, path, scope
from pennon.cli.values import parse_pair, read_json

app = typer.Typer(
    help="Move a flag's values to another schema: prepare, activate, clean up.",
    no_args_is_help=True,
    add_completion=False,
)
Key = Annotated[str, typer.Argument(help="The flag's key.", show_default=False)]


@app.command()
def prepare(  # a command's options
    key: Key,
    schema: Annotated[
        str, typer.Argument(help="A JSON or YAML file with the new JSON Schema; - for standard input; none for none.")
    ],
    value: Annotated[
        list[str] | None,
        typer.Option(help="VARIATION=VALUE, VALUE being JSON: what it is to be. Others stay as they are. Repeat it."),
    ] = None,
    read_by: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VERSION from which on an application or SDK can read the new values. Repeat it."),
    ] = None,
    gone_after_h: Annotated[
        int, typer.Option(help="An instance that was silent for so many hours counts no more.", min=1, max=720)
    ] = 24,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Put values under another schema beside those of a flag. Nobody is served them before they are activated.

    As in: pennon flag schema prepare theme new.json --value 'dark={"colours": ["black"]}' --read-by checkout-web=2.3.0
    """
    body = {
        "flag": key,
        "schema": None if schema == "none" else read_json(schema),
        "values": dict(map(parse_pair, value or ())),
        "readBy": dict(map(_named_version, read_by or ())),
        "goneAfterH": gone_after_h,
    }
    login = known_login()
    with Server(login) as server:
        in_project = scope(login, project, whole=True)
        server.send("POST", f"{in_project}/schema-steps/prepare", body, query={"why": why or None})
        standing = server.read(f"{in_project}/{path('value-schemas', key)}")
    if json:
        output.as_json(standing)
        return
    output.done(f"values of {key} are prepared")
    _show_ahead(standing)


@app.command()
def activate(
    key: Key,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Though older readers are heard of: takes --why, and the log says that you did."),
    ] = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Serve the prepared values, in every environment. The old ones are kept until you clean up."""
    made = _step(key, "activate", project, why, {"breakGlass": anyway})
    if json:
        output.as_json(made)
        return
    output.done(f"the prepared values of {key} are served. Once all is well: pennon flag schema clean-up {key}")


@app.command("clean-up")
def clean_up(key: Key, project: options.Project = None, why: options.Why = "", json: options.Json = False) -> None:
    """Drop the values that are not served: the old ones, or prepared ones that you give up."""
    made = _step(key, "clean-up", project, why, {})
    if json:
        output.as_json(made)
        return
    output.done(f"{key} has the values that it serves, and no others")


@app.command()
def show(key: Key, project: options.Project = None, json: options.Json = False) -> None:
    """Show a flag's schemas, what is prepared, and who could not read it. Exit status 1: it cannot be activated now."""
    login = known_login()
    with Server(login) as server:
        standing = server.read(f"{scope(login, project, whole=True)}/{path('value-schemas', key)}")
    if json:
        output.as_json(standing)
    else:
        output.fields(
            {
                "flag": standing["flag"],
                "schema": _text(standing["valueSchema"]),
                "prepared": _other(standing["prepared"]),
                "from before": _other(standing["previous"]),
            }
        )
        rows = [
            (each["environment"], each["sdk"] or "(says nothing)", each["instances"], _time(each["lastSeen"]))
            for each in standing["readers"]
        ]
        output.table(("environment", "who", "instances", "seen last"), rows, empty="Nobody reports evaluations.")
        if standing["prepared"] is not None:
            _show_ahead(standing)
    if standing["unready"] or standing["behind"]:
        raise typer.Exit(connection.NO)


def _named_version(pair: str) -> tuple[str, str]:
    name, equals, version = pair.partition("=")
    if not equals:
        raise typer.BadParameter(f"{pair!r} has no version: write it as in checkout-web=2.3.0", param_hint="--read-by")
    return name, version


def _step(key: str, step: str, project: str | None, why: str, said: Mapping[str, Any]) -> Any:
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, whole=True)}/schema-steps/{step}"
        return server.send("POST", target, {"flag": key, **said}, query={"why": why or None})


def _show_ahead(standing: Mapping[str, Any]) -> None:
    """Print what stands between prepared values and their being served."""
    for problem in standing["unready"]:
        output.note(f"not ready: {problem['path']}: {problem['message']}")
        output.note(f"  → {problem['mend']}")
    for each in standing["behind"]:
        count = f"{each['instances']} of {each['name']} {each['version']} in {each['environment']}"
        output.note(f"cannot read them: {count}, seen last {_time(each['lastSeen'])}")
        output.note(f"  → bring it to {each['wanted']}")
    if standing["strangers"]:
        names = ", ".join(standing["prepared"]["readBy"])
        output.note(f"{standing['strangers']} instances do not say whether they are {names}")
    if not (standing["unready"] or standing["behind"]):
        output.say(f"Nothing known stands in the way: pennon flag schema activate {standing['flag']}")


def _other(values: Mapping[str, Any] | None) -> str | None:
    if values is None:
        return None
    parts = [
        _text(values["schema"]) or "no schema",
        *(f"{key}={_text(each)}" for key, each in values["values"].items()),
    ]
    return ", ".join(parts)


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
