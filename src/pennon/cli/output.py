"""How a command shows things: tables for people, JSON for machines, errors on standard error.

Colours follow NO_COLOR and FORCE_COLOR, and are left out where the output is no terminal.
"""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What moves cursors, colours and lines, or ends one: nothing that a name or a description may do to a terminal."""
_ON = Text("on", style="bold green")
_OFF = Text("off", style="dim")


class PlainConsole(Console):
    """A console that prints what others wrote, and obeys nothing that is written in it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is shown of *renderable*."""
        for segment in super().render(renderable, options):
            if segment.control is None and _CONTROL.search(segment.text):
                yield Segment(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", segment.text), segment.style)
            else:
                yield segment


def console() -> Console:
    """Return the console of standard output."""
    return PlainConsole(highlight=False, soft_wrap=True)


def as_json(value: object) -> None:
    """Print *value* as JSON: indented on a terminal, one line elsewhere."""
    encoded = msgspec.json.encode(value)
    text = msgspec.json.format(encoded, indent=2 if sys.stdout.isatty() else -1).decode()
    sys.stdout.write(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def as_line(value: object) -> None:
    """Print *value* as JSON on a line, at once: for what goes on."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print *rows* under *columns*; *empty* says what to do where there are none."""
    filled = [[cell(value) for value in row] for row in rows]
    if not filled:
        console().print(empty, style="dim")
        return
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for place, column in enumerate(columns):
        # What is narrow stays on one line; sentences stand to the right and may wrap.
        shown.add_column(column, overflow="fold", no_wrap=place < len(columns) - 2)
    for row in filled:
        shown.add_row(*row)
    PlainConsole(highlight=False).print(shown)


def cell(value: object) -> Text:
    """Return what a table shows for *value*."""
    if value is True:
        return _ON
    if value is False:
        return _OFF
    if value is None:
        return Text("–", style="dim")
    return value if isinstance(value, Text) else Text(str(value))


def fields(values: Mapping[str, object]) -> None:
    """Print names and values, one a line, the values under each other."""
    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in values.items():
        shown.add_row(name, cell(value))
    PlainConsole(highlight=False).print(shown)


def say(message: str) -> None:
    """Print a line of plain text, brackets and all."""
    console().print(Text(message))


def done(message: str) -> None:
    """Print that something is done."""
    console().print(Text("✓ ", style="green") + Text(message))


def not_done(message: str, mend: str, *, style: str) -> None:
    """Print that something is not as it should be, and what to do about it. *style* says how bad that is."""
    out = console()
    out.print(Text("✗ ", style=style) + Text(message))
    out.print(Text("  → " + mend, style="dim"))


def note(message: str) -> None:
    """Print an aside on standard error, so that it is in no pipe."""
    PlainConsole(stderr=True, highlight=False, soft_wrap=True).print(Text(message), style="dim")


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal's standard error that something takes its time."""
    with PlainConsole(stderr=True, highlight=False).status(Text(what)):
        yield


def error(message: str, mend: str = "") -> None:
    """Print what is wrong and what to do about it, on standard error."""
    out = PlainConsole(stderr=True, highlight=False, soft_wrap=True)
    out.print(Text("Error: ", style="bold red") + Text(message))
    if mend:
        out.print(Text("  → " + mend, style="dim"))


def problem(answer: Mapping[str, Any]) -> None:
    """Print an RFC 9457 problem of the server: its detail, then each field at fault with its mend."""
    error(str(answer.get("detail") or answer.get("title") or "The server refused."))
    out = PlainConsole(stderr=True, highlight=False, soft_wrap=True)
    for fault in answer.get("problems") or []:
        out.print(Text(f"  {fault.get('path') or '/'}", style="bold") + Text(f"  {fault.get('message', '')}"))
        if fault.get("mend"):
            out.print(Text(f"    → {fault['mend']}", style="dim"))


def sentence(value: object) -> str:
    """Return a JSON value as it is written in JSON, for a line of text."""
    return msgspec.json.encode(value).decode()
