"""`pennon edge`: runs an edge node, and shows how the nodes stand. One module a command; each is imported when used."""

import typer

from pennon.cli.edge import events
from pennon.cli.edge.override import override
from pennon.cli.edge.run import run
from pennon.cli.edge.status import status
from pennon.cli.settings import with_settings
from pennon.edge.config import Settings

app = typer.Typer(help="Run an edge node, and see how the nodes stand.", no_args_is_help=True, add_completion=False)
app.command("run")(with_settings(run, Settings))
app.command("status")(status)
app.command("override")(override)
app.add_typer(events.app, name="events")


@app.callback()
def edge() -> None:
    """Run an edge node, and see how the nodes stand."""  # without this a group of one command would be that command
