"""`pennon edge run`: serves what another server or edge node serves, near to who asks, and whatever becomes of that."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from pennon.cli.settings import BadSettings, load_settings
from pennon.edge.config import Settings

if TYPE_CHECKING:
    from pennon.cli.server import Listening
    from pennon.edge.status import Status


class Ready(msgspec.Struct, frozen=True, rename="camel"):
    """What `pennon edge run --json` prints once it listens, on one line."""

    url: str
    name: str
    data: str
    level: int
    environments: tuple[str, ...]


def run(config: Path | None, json: bool, **options: object) -> None:  # typer's signature
    """Run an edge node: what SDKs, OFREP, browsers and further edge nodes call, from what an upstream serves.

    It starts whether or not an upstream answers, and says what it serves. Each option is also an environment variable,
    and a name in the TOML file that --config names.
    """
    # A whole server, which `pennon --help` can do without.
    from pennon.cli.logs import set_up_logs  # noqa: PLC0415
    from pennon.cli.server import CannotListen  # noqa: PLC0415
    from pennon.cli.workers.process import WorkerFailed  # noqa: PLC0415
    from pennon.edge.node import CannotStart  # noqa: PLC0415

    def load() -> Settings:
        return _checked(load_settings(Settings, options, os.environ, file=config))

    try:
        settings = load()
        set_up_logs(level=settings.log_level, form=settings.log_format)
        if settings.workers == 1:
            _run(settings, json=json)
        else:
            _supervise(settings, load, json=json)
    except BadSettings as error:
        typer.echo(f"These settings cannot be used:\n{error}", err=True)
        raise typer.Exit(2) from error
    except (CannotListen, CannotStart, WorkerFailed) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _checked(settings: Settings) -> Settings:
    """Return *settings* for this machine. Raises `BadSettings`."""
    from pennon.cli.open_files import streams_that_fit  # noqa: PLC0415

    if problems := settings.problems():
        raise BadSettings(problems)
    streams_that_fit(0)  # the limit on open files, as high as it goes
    return settings


def _run(settings: Settings, *, json: bool) -> None:
    from pennon.cli.server import run as serve  # noqa: PLC0415
    from pennon.edge.application import Application  # noqa: PLC0415
    from pennon.edge.node import EdgeNode  # noqa: PLC0415

    made: list[Application] = []

    def make() -> Application:
        made.append(Application(EdgeNode(settings)))
        return made[0]

    serve(
        make,
        host=settings.host,
        port=settings.port,
        drain_timeout_s=settings.drain_timeout_s,
        ready=lambda listening: _say_ready(listening, settings, made[0].edge.status(), json=json),
    )


def _supervise(settings: Settings, load: Callable[[], Settings], *, json: bool) -> None:
    """Run several workers: the first is the node, and listens for the others besides."""
    from pennon.cli.server import Listening, listen, listen_together  # noqa: PLC0415
    from pennon.cli.workers.supervisor import CannotRenew, Plan, supervise  # noqa: PLC0415
    from pennon.edge.node import name_of  # noqa: PLC0415
    from pennon.edge.status import Status  # noqa: PLC0415

    settings = msgspec.structs.replace(settings, name=name_of(settings))
    kept = {name: getattr(settings, name) for name in ("host", "port", "workers", "data", "name")}

    def renewed() -> bytes:
        try:
            return msgspec.json.encode(msgspec.structs.replace(load(), **kept))
        except BadSettings as error:
            raise CannotRenew(str(error)) from error

    with contextlib.ExitStack() as stack:
        listeners = listen_together(settings.host, settings.port, settings.workers)
        for listener in listeners:
            stack.enter_context(listener)
        hub = stack.enter_context(listen("127.0.0.1", 0))
        plan = Plan(program="edge", settings=renewed, drain_timeout_s=settings.drain_timeout_s, hub=hub)
        listening = Listening(settings.host, listeners[0].getsockname()[1])

        def ready(said: bytes) -> None:
            _say_ready(listening, settings, msgspec.json.decode(said, type=Status), json=json)

        supervise(plan, listeners, ready=ready)


def _say_ready(listening: "Listening", settings: Settings, status: "Status", *, json: bool) -> None:
    served = tuple(each.environment for each in status.environments if each.revision)
    if json:
        data = str(settings.data_folder.absolute())
        typer.echo(msgspec.json.encode(Ready(listening.url, status.name, data, status.level, served)))
        sys.stdout.flush()
        return
    lines = [f"{status.name} listens on {listening.url}", f"Upstreams: {', '.join(settings.upstreams)}"]
    for each in status.environments:
        if each.revision:
            age = "" if not each.age_s or each.age_s < 1 else f", not confirmed for {each.age_s:.0f} s"
            kind = " (the defaults)" if each.on_defaults else ""
            lines.append(f"Serving {each.environment} at {each.revision}{kind}{age}")
    lines += [f"Problem: {problem}" for problem in status.problems]
    if not served:
        lines.append("Nothing can be served yet: it waits for an upstream.")
    typer.echo("\n".join(lines), err=True)
