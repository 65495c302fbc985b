"""The demo's terminal view: who gets what, service by service, and how fast the last changes arrived."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pennon.cli.demo.services import Service

_BAR = 24
_COLOURS = ("green", "bright_black", "cyan", "magenta")


class Made(msgspec.Struct, kw_only=True):
    """A change that the demo made: what, when (monotonic seconds) it was sent, and when each service had it."""

    revision: int
    sentence: str
    sent_at: float
    arrivals_ms: dict[str, float] = {}


def arrival_sentence(made: Made, services: Sequence[Service]) -> str:
    """Return how long after it was sent *made* was in force in each service."""
    for service in services:
        at = service.arrival_of(made.revision)
        if at is not None and service.name not in made.arrivals_ms:
            made.arrivals_ms[service.name] = max(0.0, (at - made.sent_at) * 1000)
    if len(made.arrivals_ms) < len(services):
        return "on its way"
    return f"in all services after {max(made.arrivals_ms.values()):.0f} ms"


def live(services: Sequence[Service], changes: deque[Made], rates: Mapping[str, float], url: str) -> RenderableType:
    """Return the whole view."""
    total = sum(rates.values())
    title = f"Pennon at {url} · {total:,.0f} evaluations a second · Ctrl-C ends it"
    return Group(
        Panel(_flags(services), title=title, title_align="left", border_style="dim"), _changes(changes, services)
    )


def bar(shares: Counter[str], order: Sequence[str]) -> Text:
    """Return a bar of the shares of each variation, and the shares in words."""
    total = sum(shares.values())
    if not total:
        return Text("–", style="dim")
    shown, words, used = Text(), Text(), 0.0
    for index, name in enumerate(order):
        share = shares[name] / total
        start, used = round(used * _BAR), used + share
        colour = _COLOURS[index % len(_COLOURS)]
        shown.append("█" * (round(used * _BAR) - start), style=colour)
        if share:
            words.append(f" {name} ", style=colour).append(f"{share:.0%}")
    return shown + words


def _flags(services: Sequence[Service]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("service", "flag", "what its last customers got"):
        table.add_column(column, no_wrap=True)
    for service in services:
        for index, flag in enumerate(service.served):
            shares = service.shares(flag)
            status = service.client.status()
            name = Text(f"{service.name} ") + Text(f"r{status.revision}", style="dim") if index == 0 else Text()
            table.add_row(name, flag, bar(shares, sorted(shares, key=_on_first)))
    return table


def _on_first(variation: str) -> tuple[bool, str]:
    return variation not in {"on", "semantic", "large", "winter-sale"}, variation


def _changes(changes: deque[Made], services: Sequence[Service]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("last changes", "", ""):
        table.add_column(column, no_wrap=True)
    for made in reversed(changes):
        table.add_row(f"revision {made.revision}", made.sentence, Text(arrival_sentence(made, services), style="green"))
    return table
