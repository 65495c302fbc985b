"""`pennon demo`: everything in one process. A server, a shop's flags, three services, and a view of who gets what."""

import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from pennon import Client
from pennon.cli import output
from pennon.cli.connection import Login, Server, fail
from pennon.cli.demo import shop, story, team
from pennon.cli.demo.services import Service
from pennon.cli.demo.team import Opening
from pennon.cli.demo.view import Made, arrival_sentence, live
from pennon.cli.logs import set_up_logs
from pennon.cli.server import CannotListen

app = typer.Typer(add_completion=False)

_CUSTOMERS = 2000
_READY_S = 15
_FLUSH_S = 1.0
_TICK_S = 0.25
_SHOWN = 5


class Demo(msgspec.Struct, frozen=True):
    """What runs: the server as its administrator asks it, the services, how to get in, and two secrets of keys."""

    server: Server
    services: list[Service]
    opening: Opening
    secrets: tuple[str, str]


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the server; 0 takes a free one.")] = 8000,
    every: Annotated[float, typer.Option(help="Seconds between the changes that it makes by itself.", min=0.5)] = 4,
    duration: Annotated[float | None, typer.Option(help="Seconds after which it ends. Left out: on Ctrl-C.")] = None,
    changing: Annotated[
        bool, typer.Option("--changes/--no-changes", help="Whether it changes flags by itself.")
    ] = True,
    browser: Annotated[bool, typer.Option("--open", help="Open the pages in this machine's browser.")] = False,
) -> None:
    """Run Pennon with a shop's flags and three services that evaluate them, and show who gets what.

    Everything is real and in this one process: the server, its log in a temporary folder, an edge node, the streams,
    the SDK. It says how to get into the pages: as an administrator, a release manager or a developer.
    """
    set_up_logs(level="error", form="auto")
    try:
        with running(port) as made:
            _show_start(made)
            if browser and not webbrowser.open(made.opening.url):
                output.note("There is no browser to open here.")
            is_over = _run(made.server, made.services, every if changing else None, duration)
    except CannotListen as error:
        fail(str(error))
    except KeyboardInterrupt:  # before it ran
        is_over = False
    if not is_over:
        output.note("The demo has ended; its data is gone.")


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Give what is set when somebody interrupts the demo, or tells it to end.

    Not by an exception: one that comes up while something is closed, or in a hook of a library, is lost there.
    """
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def running(port: int) -> Iterator[Demo]:
    """Run the shop until the end of the context: server, edge node, services, and a team at work."""
    # A whole server, which `--help` can do without.
    from pennon.cli.demo.embedded import Embedded, EmbeddedEdge  # noqa: PLC0415
    from pennon.cli.demo.receiver import Receiver  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="pennon-demo-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        embedded = stack.enter_context(Embedded(folder, port))
        token = embedded.first.administrator_token if embedded.first else ""
        login = Login(url=embedded.url, token=token, project=shop.PROJECT, environment=shop.ENVIRONMENT)
        server = stack.enter_context(Server(login))
        secrets = story.set_up(server)
        edge = EmbeddedEdge("edge-1", folder / "edge", embedded.url, team.edge_key(server))
        stack.enter_context(edge)
        receiver = stack.enter_context(Receiver())
        services = [_start(name, embedded.url, secrets[0], stack) for name in shop.SERVICES]
        opening = team.people(server)
        team.under_way(server, opening, receiver.url)
        yield Demo(server, services, opening, secrets)


def _start(name: str, url: str, key: str, stack: ExitStack) -> Service:
    client = Client(url, key=key, application=f"{name}/3.0.0", flush_interval_s=_FLUSH_S, sample_contexts=True)
    customers = shop.customers(_CUSTOMERS, random.Random("customers"))
    service = Service(name, shop.SERVICES[name], client, customers)
    client.on_change(lambda change: service.arrived(change.revision))
    stack.callback(service.stop)
    if not client.wait_until_ready(_READY_S):
        fail(f"the service {name} got no flags within {_READY_S} s: {client.status().problem}")
    service.arrived(client.status().revision)
    service.start()
    return service


def _run(server: Server, services: list[Service], every: float | None, duration: float | None) -> bool:
    """Show who gets what, and return whether the time is over; if not, somebody asked it to end."""
    made: deque[Made] = deque(maxlen=_SHOWN)
    script = story.changes()
    started = time.monotonic()
    next_change = started + (every or 0)
    console = Console(highlight=False)
    with ExitStack() as stack:
        asked = stack.enter_context(_asked_to_end())
        view = None
        if console.is_terminal:
            view = stack.enter_context(Live(console=console, auto_refresh=False))
        seen = {service.name: 0 for service in services}
        looked_at = started
        while (duration is None or time.monotonic() - started < duration) and not asked.wait(_TICK_S):
            now = time.monotonic()
            if every is not None and now >= next_change:
                made.append(story.make_change(server, *next(script)))
                next_change = now + every
            counts = {service.name: service.evaluations for service in services}
            rates = {name: (count - seen[name]) / (now - looked_at) for name, count in counts.items()}
            seen, looked_at = counts, now
            if view is not None:
                view.update(live(services, made, rates, server.login.url), refresh=True)
            else:
                _print_arrivals(made, services)
        return not asked.is_set()


def _print_arrivals(made: deque[Made], services: list[Service]) -> None:
    """Print the changes that have arrived everywhere, one line each: for an output that is no terminal."""
    while made and (sentence := arrival_sentence(made[0], services)) != "on its way":
        change = made.popleft()
        output.say(f"revision {change.revision}: {change.sentence}, {sentence}")
        sys.stdout.flush()


def _show_start(made: Demo) -> None:
    login, opening = made.server.login, made.opening
    server_key, client_key = made.secrets
    others = " and ".join(f"{key} ({role})" for key, _, role in team.PEOPLE[1:])
    pennon = "pennon" if shutil.which("pennon") else sys.argv[0]
    body = """'{"context": {"targetingKey": "ada", "country": "DE"}}'"""
    say = output.console().print
    say(Text("Pennon is running, with a shop's flags and three services. Open:"))
    say()
    output.say(f"{opening.url}   account: {opening.account}   password: {opening.password}")
    say(Text(f"{others} get in by the same password, and see what they may do", style="dim"))
    say()
    say(Text("Or try in another terminal:"))
    for what, command in (
        (
            "evaluate a flag, as any OpenFeature SDK does over OFREP",
            f"curl -s {login.url}/ofrep/v1/evaluate/flags/free-shipping -H 'X-API-Key: {client_key}' "
            f"-H 'Content-Type: application/json' -d {body}",
        ),
        ("watch changes arrive", f"curl -sN {login.url}/sdk/v1/stream -H 'Authorization: Bearer {server_key}'"),
        (
            "use the command line",
            f"export PENNON_URL={login.url} PENNON_TOKEN={login.token} "
            f"PENNON_PROJECT={login.project} PENNON_ENVIRONMENT={login.environment}",
        ),
        ("see the flags", f"{pennon} flag list"),
        ("turn one off, and see it here at once", f"{pennon} flag off banner --why 'the sale is over'"),
        ("ask why somebody gets what", f"{pennon} explain new-checkout targetingKey=customer-7 appVersion=3.0.0"),
        ("take the last change back", f"{pennon} change list --limit 3   # then: {pennon} change revert REVISION"),
    ):
        say()
        say(Text(f"# {what}", style="dim"))
        output.say(command)
    say()
    sys.stdout.flush()
