"""`pennon flag`: flags of a project, and what an environment does with them."""

from typing import Annotated, Any, get_args

import typer

from pennon.cli import flag_schema, options, output
from pennon.cli.changing import make
from pennon.cli.cleaning import cleanup
from pennon.cli.connection import Login, Server, known_login, path, scope
from pennon.cli.flag_lifecycle import ExpectedRemoval, Key, Lifetime, archive, delete, describe, restore
from pennon.cli.linting import lint
from pennon.cli.values import parse_pair, parse_shares, read_json
from pennon.model import FlagKind

app = typer.Typer(help="Show flags and change them.", no_args_is_help=True, add_completion=False)
app.add_typer(flag_schema.app, name="schema")


@app.command("list")
def list_flags(  # a command's options
    project: options.Project = None,
    environment: options.Environment = None,
    search: Annotated[str, typer.Option(help="In key, name or description.")] = "",
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those that may go; see `flag cleanup`.")] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived, and no others.")] = False,
    json: options.Json = False,
) -> None:
    """List a project's flags and, where an environment is named, what it serves."""
    login = known_login()
    if archived:
        return _list_archived(login, scope(login, project, whole=True), json=json)
    query = {"search": search or None, "tag": tag, "owner": owner, "limit": 500}
    with Server(login) as server:
        in_project = scope(login, project, whole=True)
        definitions = list(server.pages(f"{in_project}/flags", **query))
        if stale:
            may_go = {each["flag"] for each in server.pages(f"{in_project}/stale-flags", owner=owner, limit=500)}
            definitions = [each for each in definitions if each["key"] in may_go]
        states: dict[str, Any] = {}
        if environment or login.environment:
            in_environment = scope(login, project, environment)
            states = {item["key"]: item for item in server.pages(f"{in_environment}/flags", **query)}
    if json:
        return output.as_json([definition | {"state": states.get(definition["key"])} for definition in definitions])
    rows = [_row(definition, states.get(definition["key"])) for definition in definitions]
    empty = "No flag is stale." if stale else "No flags. Make one: pennon flag create KEY"
    output.table(("key", "state", "serves", "kind", "owner", "tags"), rows, empty=empty)
    return None


def _row(definition: dict[str, Any], state: dict[str, Any] | None) -> tuple[object, ...]:
    about = definition["kind"], definition.get("owner") or None, ", ".join(definition.get("tags") or ())
    if state is None:
        return definition["key"], None, None, *about
    return definition["key"], state["on"], summary(state), *about


def _list_archived(login: Login, in_project: str, *, json: bool) -> None:
    with Server(login) as server:
        found = list(server.pages(f"{in_project}/archived-flags"))
    if json:
        return output.as_json(found)
    rows = [
        (one["flag"], one["owner"] or None, one["archivedAt"][:10], one["archivedBy"], one["why"] or None)
        for one in found
    ]
    return output.table(("flag", "owner", "archived", "by", "why"), rows, empty="No flag is archived.")


def summary(state: dict[str, Any]) -> str:
    """Return in a few words what a flag in *state* serves."""
    if not state["on"]:
        return state.get("offVariation") or "(the caller's default)"
    parts = []
    if targets := sum(len(target["values"]) for target in state.get("targets") or ()):
        parts.append(f"{targets} by name")
    if rules := len(state.get("rules") or ()):
        parts.append(f"{rules} rule{'s' if rules > 1 else ''}")
    parts.append(("then " if parts else "") + serve_sentence(state["fallthrough"]))
    return ", ".join(parts)


def serve_sentence(serve: dict[str, Any]) -> str:
    """Return what *serve* serves: a variation, or the shares of a split."""
    if not (split := serve.get("split")):
        return str(serve.get("variation"))
    shares: dict[str, float] = {}
    for weight in split["weights"]:
        shares[weight["variation"]] = shares.get(weight["variation"], 0) + weight["weight"]
    total = sum(shares.values()) or 1
    return " / ".join(f"{share / total:.5%}".rstrip("0%").rstrip(".") + f" % {key}" for key, share in shares.items())


@app.command()
def show(
    key: Key, project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """Show a flag: what it is and what an environment does with it."""
    login = known_login()
    with Server(login) as server:
        definition = server.read(f"{scope(login, project, whole=True)}/{path('flags', key)}")
        is_archived = definition["archived"]
        state = None if is_archived else server.read(f"{scope(login, project, environment)}/{path('flags', key)}")
    if json:
        return output.as_json(definition | {"state": state})
    if state is None:
        output.fields(_about(definition))
        return output.note(f"It is archived, and evaluates no more. It comes back: pennon flag restore {key}")
    output.fields(
        _about(definition)
        | {
            "state": state["on"],
            "off serves": state.get("offVariation") or "the caller's default",
            "prerequisites": "; ".join(
                f"{one['flag']} serves {' or '.join(one['variations'])}" for one in state.get("prerequisites") or ()
            )
            or None,
        }
    )
    steps = [*_targets(state), *_rules(state), ("else", "", serve_sentence(state["fallthrough"]))]
    output.console().print()
    output.table(("who", "", "gets"), steps, empty="")
    return None


def _about(definition: dict[str, Any]) -> dict[str, object]:
    values = {one["key"]: output.sentence(one["value"]) for one in definition["variations"]}
    return {
        "flag": definition["key"],
        "name": definition.get("name") or None,
        "description": definition.get("description") or None,
        "owner": definition.get("owner") or None,
        "lifetime": _lifetime(definition),
        "kind": definition["kind"],
        "variations": ", ".join(f"{name} = {value}" for name, value in values.items()),
    }


def _lifetime(definition: dict[str, Any]) -> str:
    due = definition.get("expectedRemoval")
    return f"{definition['lifetime']}, to be removed by {due}" if due else str(definition["lifetime"])


def _targets(state: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (target.get("attribute") or "targetingKey", ", ".join(target["values"]), target["variation"])
        for target in state.get("targets") or ()
    ]


def _rules(state: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            f"rule {rule['id']}",
            rule.get("description") or " and ".join(condition_sentence(one) for one in rule["conditions"]),
            serve_sentence(rule["serve"]),
        )
        for rule in state.get("rules") or ()
    ]


def condition_sentence(condition: dict[str, Any]) -> str:
    """Return *condition* in words, as in `country in "DE", "FR"`."""
    values = ", ".join(output.sentence(value) for value in condition.get("values") or ())
    words = [condition.get("attribute") or condition.get("by") or "", "not" if condition.get("negate") else ""]
    return " ".join(word for word in (*words, condition["op"], values) if word)


app.command("lint")(lint)
app.command("cleanup")(cleanup)
app.command("describe")(describe)
app.command("archive")(archive)
app.command("restore")(restore)
app.command("delete")(delete)


@app.command()
def create(  # a command's options
    key: Key,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(get_args(FlagKind))}.")] = "boolean",
    variation: Annotated[
        list[str] | None, typer.Option(help='KEY=VALUE, VALUE being JSON, as in large=50 or dark="#000". Repeat it.')
    ] = None,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag. Repeat it.")] = None,
    owner: Annotated[str, typer.Option(help="Whose it is: a team, a person.")] = "",
    lifetime: Lifetime = None,
    expected_removal: ExpectedRemoval = None,
    client_side: Annotated[bool, typer.Option("--client-side", help="Browsers and apps may evaluate it.")] = False,
    project: options.Project = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Create a flag. It is off in every environment."""
    variations = [{"key": found, "value": value} for found, value in map(parse_pair, variation or ())]
    body = {
        "key": key,
        "kind": kind,
        "variations": variations,
        "name": name,
        "description": description,
        "tags": tag or [],
        "owner": owner,
        "lifetime": lifetime or "temporary",
        "expectedRemoval": expected_removal,
        "clientSide": client_side,
    }
    login = known_login()
    with Server(login) as server:
        flag = server.send("POST", f"{scope(login, project, whole=True)}/flags", body, query={"why": why or None})
    if json:
        return output.as_json(flag)
    output.done(f"{key} is made, and off in every environment. Turn it on: pennon flag on {key} --env ENVIRONMENT")
    return None


@app.command("on")
def turn_on(
    key: Key,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    queue: options.Queue = False,
    preview: options.Preview = False,
    json: options.Json = False,
) -> None:
    """Turn a flag on: its targets, rules and fallthrough decide."""
    make(
        [{"do": "turnOn", "flag": key}],
        f"{key} is on",
        (project, environment),
        why=why,
        break_glass=break_glass,
        preview=preview,
        json=json,
        queue=queue,
    )


@app.command("off")
def turn_off(
    key: Key,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Turn a flag off: everybody gets its off variation. The kill switch."""
    make([{"do": "turnOff", "flag": key}], f"{key} is off", (project, environment), why=why, json=json, queue=queue)


@app.command()
def serve(  # a command's options
    key: Key,
    what: Annotated[
        list[str], typer.Argument(help="A variation, or shares in percent: on=10 off=90.", show_default=False)
    ],
    rule: Annotated[str | None, typer.Option(help="The rule that serves it. Left out: the fallthrough.")] = None,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    preview: options.Preview = False,
    json: options.Json = False,
) -> None:
    """Set what a rule or the fallthrough serves. A changed percentage moves only the users that it must."""
    edit: dict[str, Any]
    if len(what) == 1 and "=" not in what[0]:
        serve_one = {"variation": what[0]}
        edit = {"do": "setFallthrough", "serve": serve_one}
        if rule is not None:
            edit = {"do": "setRuleServe", "rule": rule, "serve": serve_one}
    else:
        edit = {"do": "setWeights", "rule": rule, "weights": parse_shares(what)}
    make(
        [edit | {"flag": key}],
        f"{key} serves {' '.join(what)}",
        (project, environment),
        why=why,
        break_glass=break_glass,
        preview=preview,
        json=json,
    )


@app.command()
def target(  # a command's options
    key: Key,
    variation: Annotated[str, typer.Argument(help="The variation that they get.", show_default=False)],
    values: Annotated[list[str], typer.Argument(help="Targeting keys.", show_default=False)],
    attribute: Annotated[str, typer.Option(help="The attribute that they are values of.")] = "targetingKey",
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Give somebody a variation by name, before any rule."""
    edit = {"do": "addTarget", "flag": key, "variation": variation, "values": values, "attribute": attribute}
    make(
        [edit],
        f"{', '.join(values)} get {variation}",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
    )


@app.command()
def untarget(  # a command's options
    key: Key,
    values: Annotated[list[str], typer.Argument(help="Targeting keys.", show_default=False)],
    attribute: Annotated[str, typer.Option(help="The attribute that they are values of.")] = "targetingKey",
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    json: options.Json = False,
) -> None:
    """Take somebody off the list again: the rules decide."""
    edit = {"do": "removeTarget", "flag": key, "values": values, "attribute": attribute}
    make(
        [edit],
        f"{', '.join(values)} get what the rules say",
        (project, environment),
        why=why,
        break_glass=break_glass,
        json=json,
    )


@app.command("set")
def set_configuration(
    key: Key,
    file: Annotated[
        str, typer.Argument(help="A JSON or YAML file with the whole configuration; - for standard input.")
    ],
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    break_glass: options.BreakGlass = False,
    preview: options.Preview = False,
    json: options.Json = False,
) -> None:
    """Replace everything that an environment does with a flag, rules and all."""
    edit = {"do": "setConfiguration", "flag": key, "configuration": read_json(file)}
    make(
        [edit],
        f"{key} is configured as in {file}",
        (project, environment),
        why=why,
        break_glass=break_glass,
        preview=preview,
        json=json,
    )
