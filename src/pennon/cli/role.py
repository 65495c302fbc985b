"""`pennon role`: the bundles of permissions that tokens hold."""

from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, path

app = typer.Typer(help="Show roles, and make some of your own.", no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Argument(help="The role's key.", show_default=False)]
Permits = Annotated[
    list[str] | None,
    typer.Option("--permit", help="A permission that it gives, as `pennon role permissions` lists them. Repeat it."),
]
PermitsInProduction = Annotated[
    list[str] | None,
    typer.Option("--permit-in-production", help="One that it gives in production. Repeat it. Left out: the same."),
]
NothingInProduction = Annotated[
    bool, typer.Option("--nothing-in-production", help="In production it gives nothing at all.")
]


@app.command("list")
def list_roles(json: options.Json = False) -> None:
    """List the roles: those that every installation has, and your own."""
    with Server(known_login()) as server:
        roles = list(server.pages("roles"))
    if json:
        return output.as_json(roles)
    rows = [(one["key"], "built in" if one["builtIn"] else None, _given(one), one["description"]) for one in roles]
    output.table(("key", "", "gives", "description"), rows, empty="No roles.")
    return None


@app.command()
def permissions(json: options.Json = False) -> None:
    """List what there is to be permitted."""
    with Server(known_login()) as server:
        every = list(server.pages("permissions"))
    if json:
        return output.as_json(every)
    output.table(("permission", "lets its holder"), [(one["key"], one["description"]) for one in every], empty="")
    return None


@app.command()
def create(
    key: Key,
    permit: Permits = None,
    permit_in_production: PermitsInProduction = None,
    nothing_in_production: NothingInProduction = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create a role."""
    body = {"key": key, **_body(permit, permit_in_production, nothing_in_production, description)}
    with Server(known_login()) as server:
        made = server.send("POST", "roles", body, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"role {key} is made. Give it to a token: pennon token create NAME --role {key}")
    return None


@app.command()
def replace(
    key: Key,
    permit: Permits = None,
    permit_in_production: PermitsInProduction = None,
    nothing_in_production: NothingInProduction = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Replace what a role gives, to all who hold it, from their next request on."""
    body = _body(permit, permit_in_production, nothing_in_production, description)
    with Server(known_login()) as server:
        made = server.send("PUT", path("roles", key), body, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"role {key} gives {_given(made)}")
    return None


@app.command()
def delete(key: Key, why: options.Why = "") -> None:
    """Delete a role that nobody holds."""
    with Server(known_login()) as server:
        server.send("DELETE", path("roles", key), query={"why": why or None})
    output.done(f"role {key} is deleted")


def _body(permit: list[str] | None, in_production: list[str] | None, nothing: bool, description: str) -> dict[str, Any]:
    return {
        "permissions": permit or [],
        "inProduction": [] if nothing else in_production,
        "description": description,
    }


def _given(role: dict[str, Any]) -> str:
    given = ", ".join(role["permissions"]) or "nothing"
    if role["inProduction"] is None or role["inProduction"] == role["permissions"]:
        return given
    return f"{given}; in production {', '.join(role['inProduction']) or 'nothing'}"
