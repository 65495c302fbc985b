"""`pennon segment`: reusable sets of contexts in an environment."""

from typing import Annotated

import typer

from pennon.cli import options, output
from pennon.cli.changing import make
from pennon.cli.connection import Server, known_login, path, scope
from pennon.cli.flag import condition_sentence
from pennon.cli.values import read_json

app = typer.Typer(help="Show segments and change them.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="The segment's key.", show_default=False)]
Members = Annotated[list[str], typer.Argument(help="Targeting keys.", show_default=False)]
Excluded = Annotated[bool, typer.Option("--excluded", help="The list of those who are never in it.")]


@app.command("list")
def list_segments(
    project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """List an environment's segments."""
    login = known_login()
    with Server(login) as server:
        segments = list(server.pages(f"{scope(login, project, environment)}/segments"))
    if json:
        return output.as_json(segments)
    rows = [
        (one["key"], len(one.get("included") or ()), len(one.get("excluded") or ()), len(one.get("rules") or ()))
        for one in segments
    ]
    empty = "No segments. Make one: pennon segment put KEY FILE"
    output.table(("key", "included", "excluded", "rules"), rows, empty=empty)
    return None


@app.command()
def show(
    key: Key, project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """Show a segment."""
    login = known_login()
    with Server(login) as server:
        segment = server.read(f"{scope(login, project, environment)}/{path('segments', key)}")
    if json:
        return output.as_json(segment)
    rules = [
        rule.get("description") or " and ".join(condition_sentence(one) for one in rule["conditions"])
        for rule in segment.get("rules") or ()
    ]
    output.fields(
        {
            "segment": segment["key"],
            "included": ", ".join(segment.get("included") or ()) or None,
            "excluded": ", ".join(segment.get("excluded") or ()) or None,
            "and who": "; or ".join(rules) or None,
        }
    )
    return None


@app.command()
def put(
    key: Key,
    file: Annotated[str, typer.Argument(help="A JSON or YAML file with the segment; - for standard input.")],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Create a segment, or replace it."""
    content = read_json(file)
    segment = content | {"key": key} if isinstance(content, dict) else content
    edit = {"do": "putSegment", "segment": segment}
    make([edit], f"{key} is as in {file}", (project, environment), why=why, break_glass=break_glass, json=json)


@app.command()
def add(
    key: Key,
    members: Members,
    excluded: Excluded = False,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """List somebody as included in a segment (or excluded from it)."""
    edit = {"do": "addToSegment", "segment": key, "keys": members, "list": "excluded" if excluded else "included"}
    sentence = f"{', '.join(members)} {'are excluded from' if excluded else 'are in'} {key}"
    make([edit], sentence, (project, environment), why=why, break_glass=break_glass, json=json)


@app.command()
def remove(
    key: Key,
    members: Members,
    excluded: Excluded = False,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Take somebody off a segment's list."""
    edit = {"do": "removeFromSegment", "segment": key, "keys": members, "list": "excluded" if excluded else "included"}
    make(
        [edit],
        f"{', '.join(members)} are off the list of {key}",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
    )


@app.command()
def delete(
    key: Key,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Delete a segment that nothing uses any more."""
    make(
        [{"do": "deleteSegment", "segment": key}],
        f"{key} is deleted",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
    )
