"""`pennon explain`, as a command of its own."""

import typer

from pennon.cli.evaluate import explain

app = typer.Typer(add_completion=False)
app.command()(explain)
