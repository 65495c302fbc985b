"""`pennon webhook`: telling other systems of changes, and what arrived there."""

import datetime
import time
from typing import Annotated, Any

import typer

from pennon.cli import connection, options, output
from pennon.cli.connection import Server, known_login, path, scope

app = typer.Typer(
    help="Tell other systems, or a chat, of changes.",
    epilog="As in: pennon webhook create team https://hooks.slack.com/services/… --format slack --production-only",
    no_args_is_help=True,
    add_completion=False,
)

_TEST_S = 30.0
_LOOK_S = 0.2

Key = Annotated[str, typer.Argument(help="The webhook's key, as `pennon webhook list` shows it.", show_default=False)]
Installation = Annotated[
    bool, typer.Option("--installation", help="One of the installation, which hears of all projects.")
]
Format = Annotated[str | None, typer.Option(help="pennon: signed JSON; slack: messages, for Mattermost too.")]
Event = Annotated[
    list[str] | None, typer.Option("--event", help="The only event it is told of, as flags.changed. Repeat it.")
]
Environment = Annotated[
    list[str] | None, typer.Option("--env", "-e", help="The only environment it hears of. Repeat it.")
]


@app.command("list")
def list_webhooks(
    project: options.Project = None, installation: Installation = False, json: options.Json = False
) -> None:
    """List webhooks: where they lead, what they are told, and how they have been doing."""
    with Server(known_login()) as server:
        found = list(server.pages(_base(server, project, installation)))
    if json:
        return output.as_json(found)
    rows = [(one["key"], one["host"], one["format"], _state(one), _told(one)) for one in found]
    empty = "No webhooks. Make one: pennon webhook create KEY URL"
    output.table(("key", "where", "format", "", "told"), rows, empty=empty)
    return None


@app.command()
def show(
    key: Key, project: options.Project = None, installation: Installation = False, json: options.Json = False
) -> None:
    """Show a webhook, with its whole URL."""
    with Server(known_login()) as server:
        found = server.read(f"{_base(server, project, installation)}/{path(key)}")
    if json:
        return output.as_json(found)
    output.fields(
        {
            "webhook": found["key"],
            "url": found["url"] or f"{found['host']}… (sealed by another secret: see PENNON_SECRET_KEY)",
            "format": found["format"],
            "told": _told(found),
            "description": found["description"] or None,
            "state": _state(found),
        }
    )
    return None


@app.command()
def create(  # what there is to say of a webhook
    key: Annotated[str, typer.Argument(help="What to call it.", show_default=False)],
    url: Annotated[str, typer.Argument(help="Where it leads: https://.", show_default=False)],
    format_: Annotated[str, typer.Option("--format", help="pennon: signed JSON; slack: messages.")] = "pennon",
    event: Event = None,
    environment: Environment = None,
    production_only: Annotated[
        bool, typer.Option("--production-only", help="Of environments, only those marked as production.")
    ] = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    project: options.Project = None,
    installation: Installation = False,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Make a webhook, which hears of what happens from now on. Its signing secret is shown this once.

    As in: pennon webhook create team https://hooks.example.com/pennon --event flag.turnedOff --production-only
    """
    body = {
        "key": key,
        "url": url,
        "format": format_,
        "events": event or [],
        "environments": environment or [],
        "productionOnly": production_only,
        "description": description,
    }
    with Server(known_login()) as server:
        made = server.send("POST", _base(server, project, installation), body, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"webhook {key} is made: {made['webhook']['host']}, told {_told(made['webhook'])}")
    _show_secret(made)
    output.note(f"try it: pennon webhook test {key}")
    return None


@app.command()
def edit(  # what there is to say of a webhook
    key: Key,
    url: Annotated[str | None, typer.Option(help="Where it leads.", show_default=False)] = None,
    format_: Annotated[str | None, typer.Option("--format", help="pennon or slack.", show_default=False)] = None,
    event: Event = None,
    environment: Environment = None,
    production_only: Annotated[
        bool | None,
        typer.Option("--production-only/--everywhere", help="Only production; or all.", show_default=False),
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it is told at all.", show_default=False)
    ] = None,
    project: options.Project = None,
    installation: Installation = False,
    why: options.Why = "",
) -> None:
    """Alter a webhook. What is left out stays as it is. `--event all` and `--env all` take every one again."""
    wanted = {
        "url": url,
        "format": format_,
        "events": [] if event == ["all"] else event,
        "environments": [] if environment == ["all"] else environment,
        "productionOnly": production_only,
        "enabled": enabled,
    }
    with Server(known_login()) as server:
        target = f"{_base(server, project, installation)}/{path(key)}"
        given = {name: value for name, value in wanted.items() if value is not None}
        made = server.alter(target, {"url": None, **given}, why=why)
    output.done(f"webhook {key}: {made['host']}, told {_told(made)}, {_state(made)}")


@app.command()
def rotate(
    key: Key,
    overlap_h: Annotated[int, typer.Option("--overlap-hours", help="So long both secrets sign.", min=0, max=720)] = 24,
    project: options.Project = None,
    installation: Installation = False,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Sign by a new secret, for a while by the old one too. The new one is shown this once."""
    with Server(known_login()) as server:
        target = f"{_base(server, project, installation)}/{path(key)}/rotate"
        made = server.send("POST", target, {"overlapSeconds": overlap_h * 3600}, query={"why": why or None})
    if json:
        return output.as_json(made)
    output.done(f"webhook {key} has a new secret; the old one signs for {overlap_h} h more")
    _show_secret(made)
    return None


@app.command()
def delete(
    key: Key,
    project: options.Project = None,
    installation: Installation = False,
    why: options.Why = "",
) -> None:
    """Delete a webhook, and what was to be delivered to it."""
    with Server(known_login()) as server:
        server.send("DELETE", f"{_base(server, project, installation)}/{path(key)}", query={"why": why or None})
    output.done(f"webhook {key} is deleted")


@app.command("test")
def send_test(
    key: Key, project: options.Project = None, installation: Installation = False, json: options.Json = False
) -> None:
    """Send a test, and say what came of it. The exit status is 1 where it did not arrive."""
    with Server(known_login()) as server:
        base = f"{_base(server, project, installation)}/{path(key)}"
        delivery = server.send("POST", f"{base}/test")
        until = time.monotonic() + _TEST_S
        while delivery["state"] == "pending" and time.monotonic() < until:
            time.sleep(_LOOK_S)
            delivery = server.read(f"{base}/{path('deliveries', delivery['id'])}")
    if json:
        output.as_json(delivery)
    elif delivery["state"] == "delivered":
        output.done(f"it arrived: {delivery['status']}")
    if delivery["state"] != "delivered":
        said = _came(delivery) if delivery["state"] == "dead" else "nothing is known of it yet"
        connection.fail(f"it did not arrive: {said}", mend=f"see: pennon webhook deliveries {key}")


@app.command()
def deliveries(
    key: Key,
    state: Annotated[str | None, typer.Option(help="Only those that are pending, delivered or dead.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest.", min=1, max=1000)] = 20,
    project: options.Project = None,
    installation: Installation = False,
    json: options.Json = False,
) -> None:
    """List what was, or is to be, delivered, the newest first."""
    with Server(known_login()) as server:
        base = f"{_base(server, project, installation)}/{path(key)}/deliveries"
        found = server.read(base, state=state, limit=limit)["items"]
    if json:
        return output.as_json(found)
    rows = [(one["id"], _time(one["created"]), one["type"], _stands(one)) for one in found]
    output.table(("id", "when", "what", ""), rows, empty="No deliveries.")
    return None


@app.command()
def redeliver(
    key: Key,
    delivery: Annotated[str | None, typer.Argument(help="Its id. Left out: with --dead, all.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that are dead.")] = False,
    project: options.Project = None,
    installation: Installation = False,
) -> None:
    """Send a delivery again, or all dead ones."""
    if (delivery is None) != dead:
        raise typer.BadParameter("name a delivery, or say --dead for all dead ones", param_hint="DELIVERY")
    with Server(known_login()) as server:
        base = f"{_base(server, project, installation)}/{path(key)}/deliveries"
        if delivery is not None:
            server.send("POST", f"{base}/{path(delivery)}/redeliver")
            output.done(f"delivery {delivery} is sent again")
            return
        count = server.send("POST", f"{base}/redeliver")["redelivered"]
    output.done(f"{count} deliveries are sent again" if count else "nothing is dead")


def _base(server: Server, project: str | None, installation: bool) -> str:
    return "webhooks" if installation else f"{scope(server.login, project, whole=True)}/webhooks"


def _state(webhook: dict[str, Any]) -> str:
    if not webhook["enabled"]:
        return "disabled"
    if not webhook["failures"]:
        return "well"
    failed = f"{webhook['failures']} failure{'' if webhook['failures'] == 1 else 's'} in a row"
    return f"{failed}, left alone until {_time(webhook['openUntil'])}" if webhook["openUntil"] else failed


def _told(webhook: dict[str, Any]) -> str:
    events = ", ".join(webhook["events"]) or "everything"
    where = ", ".join(webhook["environments"]) or ("production" if webhook["productionOnly"] else "")
    return f"{events} in {where}" if where else events


def _came(delivery: dict[str, Any]) -> str:
    return " ".join(str(each) for each in (delivery["status"], delivery["said"]) if each) or "–"


def _stands(delivery: dict[str, Any]) -> str:
    if delivery["state"] == "delivered":
        return f"arrived: {delivery['status']}"
    failed = f"{delivery['attempts']} failed: {_came(delivery)}" if delivery["attempts"] else ""
    if delivery["state"] == "dead":
        return "; ".join(each for each in ("dead", failed or delivery["said"]) if each)
    return "; ".join(each for each in (f"again {_time(delivery['due'])}" if failed else "waits", failed) if each)


def _show_secret(made: dict[str, Any]) -> None:
    if made["secret"] is not None:
        output.say(made["secret"])
        output.note("the secret is shown this once")


def _time(text: str) -> str:
    return f"{datetime.datetime.fromisoformat(text).astimezone():%m-%d %H:%M:%S}"
