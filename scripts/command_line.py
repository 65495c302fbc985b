"""The command line as a page of Markdown, made from the commands themselves. `docs/reference/command-line.md` is it."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import typer

from pennon.cli.root import app


class Parameter(msgspec.Struct, frozen=True):
    """An argument or an option of a command."""

    name: str
    help: str


class Command(msgspec.Struct, frozen=True):
    """One command, by its words after `pennon`."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]


@cache
def commands() -> Sequence[Command]:
    """Return every command, in the order of `--help`."""
    return tuple(_below(typer.main.get_command(app), ()))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[Command]:
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from _below(command.get_command(context, name), (*words, name))
        return
    parameters = tuple(
        Parameter(_shown(parameter), getattr(parameter, "help", None) or "")
        for parameter in command.params
        if parameter.name != "help"
    )
    yield Command(" ".join(words), command.help or "", parameters)


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for command in commands():
        parts.append(f"## pennon {command.name}\n\n{command.help.strip()}\n")
        rows = [f"| `{each.name}` | {_cell(each.help)} |" for each in command.parameters]
        if rows:
            parts.append("\n".join(["| | |", "| --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_HEAD = """# Command line

<!-- Made from the commands by `make fmt`: edit their help, not this page. -->

`pennon --help` and `pennon COMMAND --help` say the same. Commands that speak to a server take it, a token, a project
and an environment from `pennon login`, or from `PENNON_URL`, `PENNON_TOKEN`, `PENNON_PROJECT` and `PENNON_ENVIRONMENT`.

`--json` prints JSON. The exit status is 0 for done, 1 where the answer is no, 2 for wrong use, 3 where the server
could not be reached. Colours follow `NO_COLOR`.
"""
