"""`pennon change queue`: the commands given with --queue that no server has taken yet."""

import time
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import NO, UNREACHABLE, fail, known_login
from pennon.cli.queue import Queue, Queued, Refused, Stuck, Waiting, insist, send, status_of

app = typer.Typer(
    help="Commands given with --queue that were not taken yet: list, send, drop.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_queue(json: options.Json = False) -> None:
    """List the commands that wait, the oldest first, and those that were refused."""
    waiting = Queue().all()
    if json:
        return output.as_json([_shown(each) for each in waiting])
    rows = [(each.id, f"{each.kept_at.astimezone():%Y-%m-%d %H:%M:%S}", each.url, _state(each)) for each in waiting]
    output.table(("command", "since", "server", "what"), rows, empty="Nothing waits.")
    return None


@app.command("run")
def run_queue(
    once: Annotated[bool, typer.Option("--once", help="Try each once, instead of until it is taken.")] = False,
    json: options.Json = False,
) -> None:
    """Send the commands that wait, the oldest first, each until the server has decided.

    Each is made once, however often it is sent. Exit status 1 if one was refused, 3 if one still waits.
    """
    queue, outcomes = Queue(), []
    for queued in queue.all():
        if queued.refused is None:
            outcomes.append(_run(queue, queued, once=once))
            if outcomes[-1][1] == "waiting":
                break  # what was given later may stand on it
    if json:
        output.as_json([{"id": each.id, "outcome": outcome, "detail": detail} for each, outcome, detail in outcomes])
    elif not outcomes:
        output.say("Nothing waits.")
    if status := status_of([outcome for _, outcome, _ in outcomes]):
        raise typer.Exit(status)


@app.command("drop")
def drop_queued(
    command: Annotated[str, typer.Argument(help="The command, as `list` shows it; all for all of them.")],
) -> None:
    """Forget a command. What the server has made of it already stays."""
    queue = Queue()
    dropped = [each for each in queue.all() if command in (each.id, "all")]
    if not dropped and command != "all":
        fail(f"no command {command} waits", mend="pennon change queue list", status=NO)
    for each in dropped:
        queue.drop(each)
        output.done(f"{each.sentence}: forgotten")


def _run(queue: Queue, queued: Queued, *, once: bool) -> tuple[Queued, str, str]:
    login = known_login()
    try:
        made = send(queue, queued, login) if once else insist(queue, queued, login, sleep=time.sleep)
    except Refused as error:
        output.error(f"{queued.sentence}: {error}", mend=f"pennon change queue drop {queued.id}")
        return queued, "refused", str(error)
    except (Stuck, Waiting) as error:
        output.note(f"{queued.sentence}: {error}")
        return queued, "waiting", str(error)
    except KeyboardInterrupt:
        fail(f"{queued.sentence}: not made yet", mend="pennon change queue run", status=UNREACHABLE)
    revision = made.get("revision") if isinstance(made, dict) else None
    output.note(f"✓ {queued.sentence}" + (f" (revision {revision})" if revision else ""))
    return queued, "made", ""


def _shown(queued: Queued) -> dict[str, Any]:
    return {
        "id": queued.id,
        "sentence": queued.sentence,
        "url": queued.url,
        "path": queued.path,
        "keptAt": queued.kept_at,
        "refused": queued.refused,
    }


def _state(queued: Queued) -> str:
    return queued.sentence if queued.refused is None else f"{queued.sentence} (refused: {queued.refused})"
