"""`pennon explain`, as a command of its own."""

import typer

from pennon.cli.evaluate import explain

app = typer.Typer()
app.command()(explain)
