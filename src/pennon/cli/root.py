"""The root of the command line: its options, and where each command is found. A command is imported when it is used.

To add a command, write a module with an `app = typer.Typer(…)` and add its line to `COMMANDS`.
"""

import importlib
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import pennon

COMMANDS: Mapping[str, str] = {
    "demo": "pennon.cli.demo",
    "serve": "pennon.cli.serve",
    "edge": "pennon.cli.edge",
    "login": "pennon.cli.login",
    "project": "pennon.cli.project",
    "environment": "pennon.cli.environment",
    "flag": "pennon.cli.flag",
    "segment": "pennon.cli.segment",
    "layer": "pennon.cli.layer",
    "key": "pennon.cli.key",
    "account": "pennon.cli.account",
    "session": "pennon.cli.session",
    "token": "pennon.cli.token",
    "role": "pennon.cli.role",
    "change": "pennon.cli.change",
    "request": "pennon.cli.request",
    "schedule": "pennon.cli.schedule",
    "webhook": "pennon.cli.webhook",
    "event": "pennon.cli.event",
    "eval": "pennon.cli.eval",
    "explain": "pennon.cli.explain",
    "import": "pennon.cli.imports",
    "export": "pennon.cli.export",
    "plan": "pennon.cli.plan",
    "apply": "pennon.cli.apply",
    "scan": "pennon.cli.scan",
    "remove-flag": "pennon.cli.remove_flag",
    "doctor": "pennon.cli.doctor",
}
"""Each command by its name, in the order of `pennon --help`: the module that has its `app`."""


class LazyGroup(TyperGroup):
    """Imports the module of a command when the command is used, so that `pennon eval` does not import a server."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # the names serve "did you mean"

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own vendored class
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Return the command called *cmd_name*, None if there is none."""
        if (module := COMMANDS.get(cmd_name)) is None:
            return None
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command


def _version(wanted: bool) -> None:  # typer's signature
    if wanted:
        typer.echo(f"pennon {pennon.__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    help="Feature flags, experiments and guarded releases on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Feature flags, experiments and guarded releases on your own machines."""
