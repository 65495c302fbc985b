"""`pennon edge events`: the event batches that no upstream took, in a node's data folder, whether or not it runs."""

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pennon.cli import options, output
from pennon.edge.config import Settings

if TYPE_CHECKING:
    from pennon.edge.dead_letters import DeadLetters

app = typer.Typer(
    help="Show the event batches that were refused for good, and send them again.",
    no_args_is_help=True,
    add_completion=False,
)

Data = Annotated[
    Path | None,
    typer.Option(
        help=f"The node's data folder. Default: PENNON_EDGE_DATA, else {Settings().data}.", show_default=False
    ),
]
Name = Annotated[str, typer.Argument(help="Its name, as `list` shows it, or a part of it.", show_default=False)]


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` says of a dead letter."""

    name: str
    at: str
    environment: str
    upstream: str
    why: str
    instance: str
    sequence: int
    received_at: str


@app.command("list")
def list_letters(data: Data = None, json: options.Json = False) -> None:
    """List the batches that were refused for good, the oldest first."""
    letters = _letters(data)
    found = [_listed(name, letters) for name in letters.names()]
    if json:
        return output.as_json(found)
    rows = [(one.name, one.at, one.environment, one.why) for one in found]
    return output.table(
        ("name", "refused at", "environment", "why"), rows, empty="None: every batch arrived, or waits."
    )


@app.command()
def show(name: Name, data: Data = None) -> None:
    """Show one of them whole, as JSON: why it was refused, by whom, and the events in it."""
    letters = _letters(data)
    found = _one(letters, name)
    try:
        output.as_json(letters.read(found))
    except (OSError, msgspec.DecodeError) as error:
        output.error(f"{found} cannot be read: {error}")
        raise typer.Exit(1) from error


@app.command()
def retry(
    name: Annotated[str | None, typer.Argument(help="Its name, or a part of it.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Send all of them again.")] = False,
    data: Data = None,
) -> None:
    """Let the node send one again, or all: now if it runs, else when it starts. What was counted counts once."""
    if (name is None) is not every:
        output.error("which one?", mend="name one, or say --all")
        raise typer.Exit(2)
    letters = _letters(data)
    names = letters.names() if name is None else [_one(letters, name)]
    for each in names:
        letters.send_again(each)
    output.done(f"{len(names)} to be sent again")


def _letters(data: Path | None) -> "DeadLetters":
    from pennon.edge.dead_letters import DeadLetters  # noqa: PLC0415  # `pennon --help` can do without

    folder = data or Path(os.environ.get("PENNON_EDGE_DATA") or Settings().data)
    if not (folder / "events").is_dir():
        output.error(f"No edge node has its data in {folder}", mend="name the folder: --data FOLDER")
        raise typer.Exit(2)
    return DeadLetters(folder / "events")


def _one(letters: "DeadLetters", name: str) -> str:
    """Return the one name that *name* is a part of."""
    found = [each for each in letters.names() if name in each]
    if len(found) != 1:
        several = "several dead letters have" if found else "no dead letter has"
        output.error(f"{several} {name!r} in the name", mend="see: pennon edge events list")
        raise typer.Exit(1)
    return found[0]


def _listed(name: str, letters: "DeadLetters") -> Listed:
    try:
        letter = letters.read(name)
    except (OSError, msgspec.DecodeError) as error:
        return Listed(name, "", "", "", f"the file cannot be read: {error}", "", 0, "")
    received = dt.datetime.fromtimestamp(letter.received_at / 1000, dt.UTC).isoformat(timespec="milliseconds")
    return Listed(
        name=name,
        at=letter.at,
        environment=letter.environment,
        upstream=letter.upstream,
        why=letter.why,
        instance=letter.instance,
        sequence=letter.sequence,
        received_at=received,
    )
