"""`pennon eval`, as a command of its own."""

import typer

from pennon.cli.evaluate import evaluate

app = typer.Typer(add_completion=False)
app.command()(evaluate)
