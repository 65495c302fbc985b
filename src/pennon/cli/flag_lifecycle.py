"""The ends of a flag on the command line: whose it is and until when, archiving, restoring, deleting."""

from typing import Annotated, Any, Literal

import typer

from pennon.cli import connection, options, output
from pennon.cli.connection import Server, known_login, path, scope

Key = Annotated[str, typer.Argument(help="The flag's key.", show_default=False)]
Lifetime = Annotated[
    Literal["temporary", "permanent"] | None,
    typer.Option(help="Temporary ones are to be removed one day.", show_default=False),
]
ExpectedRemoval = Annotated[
    str | None, typer.Option(help="When it should be gone, as in 2027-01-31.", show_default=False)
]


def describe(  # a command's options
    key: Key,
    name: Annotated[str | None, typer.Option(help="What people call it.", show_default=False)] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.", show_default=False)] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag, in place of those it has. Repeat it.", show_default=False)
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is: a team, a person.", show_default=False)] = None,
    lifetime: Lifetime = None,
    expected_removal: Annotated[
        str | None, typer.Option(help="When it should be gone, as in 2027-01-31; never: no date.", show_default=False)
    ] = None,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Change what is said of a flag: whose it is, what it is for, until when it is needed. What is left out stays.

    As in: pennon flag describe new-checkout --owner payments --expected-removal 2027-01-31
    """
    said: dict[str, Any] = {"name": name, "description": description, "tags": tag, "owner": owner, "lifetime": lifetime}
    given = {field: value for field, value in said.items() if value is not None}
    if expected_removal is not None:
        given["expectedRemoval"] = None if expected_removal == "never" else expected_removal
    elif lifetime == "permanent":
        given["expectedRemoval"] = None
    if not given:
        raise typer.BadParameter("say what is to be changed, as in --owner payments")
    login = known_login()
    with Server(login) as server:
        place = f"{scope(login, project, whole=True)}/{path('flags', key)}"
        flag = server.alter(place, given, why=why)
    if json:
        return output.as_json(flag)
    output.done(f"{key} is described anew")
    return None


def archive(
    key: Key,
    break_glass: options.BreakGlass = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Archive a flag: it evaluates no more, anywhere, and its key stays reserved. Code that asks gets its default.

    Environments keep what they did with it, for `pennon flag restore`.
    """
    login = known_login()
    with Server(login) as server:
        place = f"{scope(login, project, whole=True)}/archived-flags"
        flag = server.send("POST", place, {"flag": key}, query=_said(why, break_glass=break_glass))
    if json:
        return output.as_json(flag)
    output.done(f"{key} is archived. It comes back: pennon flag restore {key}")
    return None


def restore(  # a command's options
    key: Key,
    as_it_was: Annotated[bool, typer.Option("--as-it-was", help="On again where it was on.")] = False,
    as_new: Annotated[bool, typer.Option("--as-new", help="Configured as a new flag, with new salts.")] = False,
    break_glass: options.BreakGlass = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Restore an archived flag: every environment does with it what it did, but it is off until it is turned on."""
    if as_it_was and as_new:
        raise typer.BadParameter("is not --as-it-was", param_hint="--as-new")
    login = known_login()
    body = {"flag": key, "how": "asItWas" if as_it_was else "new" if as_new else "off"}
    with Server(login) as server:
        within = scope(login, project, whole=True)
        was = server.read(f"{within}/{path('flags', key)}")
        query = _said(why, break_glass=break_glass)
        flag = server.send("POST", f"{within}/archived-flags/restore", body, query=query)
    if json:
        return output.as_json(flag)
    if not was.get("archived"):
        return output.done(f"{key} is not archived, and as it was")
    state = "as it was" if as_it_was else "and off in every environment"
    output.done(f"{key} is back, {state}")
    return None


def delete(
    key: Key,
    confirm: Annotated[
        str | None, typer.Option(help="The key once more, where nobody can be asked.", show_default=False)
    ] = None,
    break_glass: options.BreakGlass = False,
    project: options.Project = None,
    why: options.Why = "",
) -> None:
    """Delete a flag in every environment, for ever. Archiving it can be taken back, and frees users just as well."""
    login = known_login()
    typed = confirm if confirm is not None else typer.prompt(f"This deletes {key} everywhere. Type its key to go on")
    if typed != key:
        connection.fail("The key is another one; nothing was deleted.")
    with Server(login) as server:
        query = {"confirm": typed, **_said(why, break_glass=break_glass)}
        server.send("DELETE", f"{scope(login, project, whole=True)}/{path('flags', key)}", query=query)
    output.done(f"{key} is deleted")


def _said(why: str, *, break_glass: bool) -> dict[str, str | None]:
    return {"why": why or None, "breakGlass": "true" if break_glass else None}
