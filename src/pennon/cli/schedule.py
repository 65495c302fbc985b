"""`pennon schedule`: changes that are made later: once, by a timetable, or each week."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import WRONG_USE, Server, fail, known_login, path, scope
from pennon.cli.times import parse_time, parse_window, shown_time
from pennon.cli.values import parse_shares, read_edits, read_json

app = typer.Typer(
    help="Plan changes, look at what is planned, pause and cancel.", no_args_is_help=True, add_completion=False
)

Key = Annotated[str, typer.Argument(help="The schedule's key, as `pennon schedule list` shows it.", show_default=False)]


@app.command("list")
def list_schedules(
    every: Annotated[bool, typer.Option("--all", help="Those that are done, too.")] = False,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """List what is planned in an environment: what, when, and what comes next."""
    login = known_login()
    with Server(login) as server:
        found = list(server.pages(f"{scope(login, project, environment)}/schedules"))
    found = [one for one in found if every or one["state"] != "done"]
    if json:
        return output.as_json(found)
    rows = [(one["key"], _state(one), _next(one), plan_sentence(one["plan"]), one["title"]) for one in found]
    output.table(("key", "state", "next", "when", "what"), rows, empty="Nothing is planned.")
    _warn(found)
    return None


@app.command()
def show(
    key: Key, project: options.Project = None, environment: options.Environment = None, json: options.Json = False
) -> None:
    """Show a schedule: what it makes, when it does so next, and what it has done."""
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, project, environment)}/{path('schedules', key)}"
        found = server.read(target)
        runs = server.read(f"{target}/runs", limit=20)["items"]
    if json:
        return output.as_json(found | {"runs": runs})
    late = "made up for" if found["missed"] == "catchUp" else f"skipped after {found['graceMinutes']} minutes"
    output.fields(
        {
            "schedule": found["key"],
            "what": found["title"],
            "why": found["why"] or None,
            "when": plan_sentence(found["plan"]),
            "missed": late,
            "state": _state(found),
            "maker": found["maker"]["name"],
        }
    )
    steps = list(_steps(found["plan"]))
    for when, edits in steps:
        output.say(f"\n{when}:")
        for edit in edits:
            output.say(f"  {edit_sentence(edit)}")
    _say_next(found)
    for run in runs:
        why = f": {run['why']}" if run["why"] else ""
        output.say(f"\n{run['result']} at {shown_time(run['time'])}{why}")
    return None


@app.command()
def create(  # a command's options
    title: Annotated[str, typer.Argument(help="In a line, what it does.", show_default=False)],
    at: Annotated[
        str | None, typer.Option(help="Once, then: '2026-12-01 09:00 Europe/Berlin', or RFC 3339.", show_default=False)
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="On these days, from then until then: 'mon-fri 16:00-18:00 Europe/Berlin'.", show_default=False
        ),
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            help="A step of --flag: '2026-12-01 09:00 Europe/Berlin: on=10 off='. Repeat it.", show_default=False
        ),
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help="A JSON or YAML file with a whole plan, as the API takes it.", show_default=False)
    ] = None,
    edits: Annotated[
        str | None, typer.Option(help="A JSON or YAML file of edits, as `change apply` takes it.", show_default=False)
    ] = None,
    end_edits: Annotated[
        str | None, typer.Option(help="The edits that are made where a window ends.", show_default=False)
    ] = None,
    turn_on: Annotated[
        str | None, typer.Option(help="A flag that is turned on; where a window ends, off.", show_default=False)
    ] = None,
    turn_off: Annotated[
        str | None, typer.Option(help="A flag that is turned off; where a window ends, on.", show_default=False)
    ] = None,
    flag: Annotated[str | None, typer.Option(help="The flag whose shares --step sets.", show_default=False)] = None,
    skip_after: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Skip what is so many minutes late, as when no server ran. Left out: it is made up for.",
            show_default=False,
        ),
    ] = None,
    project: options.Project = None,
    environment: options.Environment = None,
    why: options.Why = "",
    json: options.Json = False,
) -> None:
    """Plan changes of an environment.

    pennon schedule create "Launch" --turn-on new-checkout --at "2026-12-01 09:00 Europe/Berlin" --env production

    pennon schedule create "Happy hour" --turn-on happy-hour --window "mon-fri 16:00-18:00 Europe/Berlin"

    pennon schedule create "Rollout" --flag new-checkout --step "2026-12-01 09:00 UTC: on=1 off=" --step "2026-12-02
    09:00 UTC: on=50 off="
    """
    if sum(each is not None for each in (at, window, step, plan)) != 1:
        fail("When?", mend="give one of --at, --window, --step and --plan", status=WRONG_USE)
    if plan is not None:
        planned = read_json(plan)
    elif step is not None:
        planned = {"kind": "timetable", "steps": [_step(each, flag) for each in step]}
    else:
        start, end = _edits(edits, end_edits, turn_on, turn_off)
        if at is not None:
            planned = {"kind": "once", "at": parse_time(at), "edits": start}
        else:
            planned = parse_window(window or "") | {"edits": start, "endEdits": end}
    body: dict[str, Any] = {"title": title, "why": why, "plan": planned}
    if skip_after is not None:
        body |= {"missed": "skip", "graceMinutes": skip_after}
    login = known_login()
    with Server(login) as server:
        made = server.send("POST", f"{scope(login, project, environment)}/schedules", body)
    if json:
        return output.as_json(made)
    output.done(f"schedule {made['key']} is made: {plan_sentence(made['plan'])}")
    _say_next(made)
    return None


@app.command()
def pause(
    key: Key, project: options.Project = None, environment: options.Environment = None, why: options.Why = ""
) -> None:
    """Have a schedule do nothing until it is resumed."""
    _send("POST", key, "/pause", (project, environment), why)
    output.done(f"schedule {key} is paused. Go on: pennon schedule resume {key}")


@app.command()
def resume(
    key: Key, project: options.Project = None, environment: options.Environment = None, why: options.Why = ""
) -> None:
    """Go on with a schedule that is paused or has failed, as your own. What was due meanwhile is not made."""
    found = _send("POST", key, "/resume", (project, environment), why)
    output.done(f"schedule {key} goes on")
    _say_next(found)


@app.command()
def cancel(
    key: Key, project: options.Project = None, environment: options.Environment = None, why: options.Why = ""
) -> None:
    """Delete a schedule. What it has done stays."""
    _send("DELETE", key, "", (project, environment), why)
    output.done(f"schedule {key} is cancelled")


def plan_sentence(plan: dict[str, Any]) -> str:
    """Return in a few words when a plan does something."""
    if plan["kind"] == "once":
        return f"once, {shown_time(plan['at'])}"
    if plan["kind"] == "timetable":
        first, last = (shown_time(plan["steps"][at]["at"]) for at in (0, -1))
        return f"{len(plan['steps'])} steps, {first} to {last}" if len(plan["steps"]) > 1 else f"once, {first}"
    if plan["kind"] == "window":
        return f"{', '.join(plan['days'])} {plan['start']}-{plan['until']} {plan['zone']}"
    return f"{', '.join(step['at'] for step in plan['steps'])} {plan['zone']}"


def edit_sentence(edit: dict[str, Any]) -> str:
    """Return what an edit does, to which flag, and with which values: `setWeights new-checkout, weights {"on":1}`."""
    values = (
        f"{name} {value if isinstance(value, str) else output.sentence(value)}"
        for name, value in edit.items()
        if name not in ("do", "flag")
    )
    return ", ".join((f"{edit['do']} {edit.get('flag', '')}".strip(), *values))


def _steps(plan: dict[str, Any]) -> Iterable[tuple[str, list[Any]]]:
    if plan["kind"] == "once":
        yield shown_time(plan["at"]), plan["edits"]
    elif plan["kind"] == "window":
        yield f"at {plan['start']}", plan["edits"]
        yield f"at {plan['until']}", plan["endEdits"]
    else:
        is_week = plan["kind"] == "week"
        yield from ((step["at"] if is_week else shown_time(step["at"]), step["edits"]) for step in plan["steps"])


def _edits(
    file: str | None, end_file: str | None, turn_on: str | None, turn_off: str | None
) -> tuple[list[Any], list[Any]]:
    given = [each for each in (file, turn_on, turn_off) if each is not None]
    if len(given) != 1:
        fail("What?", mend="give one of --turn-on, --turn-off and --edits", status=WRONG_USE)
    if file is not None:
        return read_edits(file), [] if end_file is None else read_edits(end_file)
    on, off = ({"do": do, "flag": given[0]} for do in ("turnOn", "turnOff"))
    return ([on], [off]) if turn_on is not None else ([off], [on])


def _step(text: str, flag: str | None) -> dict[str, Any]:
    time, colon, shares = text.rpartition(": ")
    if flag is None or not colon:
        mend = "write --flag KEY --step '2026-12-01 09:00 Europe/Berlin: on=10 off='"
        fail(f"{text!r} is no step of a flag", mend=mend, status=WRONG_USE)
    weights = parse_shares(shares.split())
    return {"at": parse_time(time), "edits": [{"do": "setWeights", "flag": flag, "weights": weights}]}


def _send(method: str, key: str, what: str, place: tuple[str | None, str | None], why: str) -> Any:
    login = known_login()
    with Server(login) as server:
        target = f"{scope(login, *place)}/{path('schedules', key)}{what}"
        return server.send(method, target, query={"why": why or None})


def _state(found: dict[str, Any]) -> str:
    last = found["last"]
    if found["state"] == "done" and last is not None:
        return f"done: {last['result']}"
    return f"{found['state']}, failing" if found["state"] == "active" and _failed(found) else str(found["state"])


def _next(found: dict[str, Any]) -> str | None:
    return shown_time(found["next"][0]["time"]) if found["next"] else None


def _say_next(found: dict[str, Any]) -> None:
    for coming in found["next"]:
        objection = f", but {coming['objection']}" if coming["objection"] else ""
        output.say(f"next: {shown_time(coming['time'])}{objection}")


def _failed(found: dict[str, Any]) -> bool:
    return found["last"] is not None and found["last"]["result"] == "failed"


def _warn(found: Iterable[dict[str, Any]]) -> None:
    for one in found:
        if _failed(one):
            output.note(
                f"{one['key']} did not do what was due at {shown_time(one['last']['due'])}: {one['last']['why']}"
            )
