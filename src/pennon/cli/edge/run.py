"""`pennon edge run`: serves what another server or edge node serves, near to who asks, and whatever becomes of that."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from pennon.cli.settings import BadSettings, load_settings
from pennon.edge.config import Settings

if TYPE_CHECKING:
    from pennon.cli.server import Listening
    from pennon.edge.application import Application


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
    from pennon.cli.server import run as serve  # noqa: PLC0415
    from pennon.edge.application import Application  # noqa: PLC0415
    from pennon.edge.node import CannotStart, EdgeNode  # noqa: PLC0415

    made: list[Application] = []

    def make() -> Application:
        made.append(Application(EdgeNode(settings)))
        return made[0]

    try:
        settings = load_settings(Settings, options, os.environ, file=config)
        if problems := settings.problems():
            raise BadSettings(problems)
        set_up_logs(level=settings.log_level, form=settings.log_format)
        serve(
            make,
            host=settings.host,
            port=settings.port,
            drain_timeout_s=settings.drain_timeout_s,
            ready=lambda listening: _say_ready(listening, made[0], json=json),
        )
    except BadSettings as error:
        typer.echo(f"These settings cannot be used:\n{error}", err=True)
        raise typer.Exit(2) from error
    except (CannotListen, CannotStart) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _say_ready(listening: "Listening", application: "Application", *, json: bool) -> None:
    edge, status = application.edge, application.edge.status()
    served = tuple(each.environment for each in status.environments if each.revision)
    if json:
        data = str(edge.settings.data_folder.absolute())
        typer.echo(msgspec.json.encode(Ready(listening.url, edge.name, data, status.level, served)))
        sys.stdout.flush()
        return
    lines = [f"{edge.name} listens on {listening.url}", f"Upstreams: {', '.join(edge.settings.upstreams)}"]
    for each in status.environments:
        if each.revision:
            age = "" if not each.age_s or each.age_s < 1 else f", not confirmed for {each.age_s:.0f} s"
            kind = " (the defaults)" if each.on_defaults else ""
            lines.append(f"Serving {each.environment} at {each.revision}{kind}{age}")
    lines += [f"Problem: {problem}" for problem in status.problems]
    if not served:
        lines.append("Nothing can be served yet: it waits for an upstream.")
    typer.echo("\n".join(lines), err=True)
