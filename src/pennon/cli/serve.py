"""`pennon serve`: runs the control plane with everything it needs in one process."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from pennon.cli.settings import BadSettings, load_settings, with_settings
from pennon.control.config import Settings

if TYPE_CHECKING:
    from pennon.cli.server import Listening
    from pennon.control.app import FirstStart

app = typer.Typer(add_completion=False)


class Ready(msgspec.Struct, frozen=True, rename="camel"):
    """What `pennon serve --json` prints once it can serve, on one line. The token is there on the first start only."""

    url: str
    data: str
    administrator_token: str | None = None
    project: str | None = None


def serve(config: Path | None, json: bool, **options: object) -> None:  # typer's signature
    """Run the Pennon server: the admin API, and what SDKs call.

    Each option is also an environment variable, and a name in the TOML file that --config names.
    """
    # A whole server, which `pennon --help` can do without.
    from pennon.cli.logs import set_up_logs  # noqa: PLC0415
    from pennon.cli.server import CannotListen, run  # noqa: PLC0415
    from pennon.control.app import CannotStart, FirstStart, create_app, tell_on_stderr  # noqa: PLC0415

    first: list[FirstStart] = []
    try:
        settings = load_settings(Settings, options, os.environ, file=config)
        set_up_logs(level=settings.log_level, form=settings.log_format)
        run(
            lambda: create_app(settings, announce=first.append),
            host=settings.host,
            port=settings.port,
            drain_timeout_s=settings.drain_timeout_s,
            ready=lambda listening: _say_ready(listening, settings, first, json=json),
        )
    except BadSettings as error:
        typer.echo(f"These settings cannot be used:\n{error}", err=True)
        raise typer.Exit(2) from error
    except (CannotListen, CannotStart) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        if first:  # it was made, and then something failed: without its token nobody could ever get in
            tell_on_stderr(first.pop())


def _say_ready(listening: "Listening", settings: Settings, made: "list[FirstStart]", *, json: bool) -> None:
    first = made.pop() if made else None
    if json:
        ready = Ready(
            listening.url,
            str(settings.data_folder.absolute()),
            first.administrator_token if first else None,
            first.project if first else None,
        )
        typer.echo(msgspec.json.encode(ready))
        sys.stdout.flush()
        return
    lines = [f"Pennon listens on {listening.url}", f"Data lies in {settings.data_folder.absolute()}"]
    if first:
        lines += [
            "",
            "This is the first start. The administrator's token, shown this once:",
            "",
            f"    {first.administrator_token}",
            "",
            f"The project {first.project} has the environments {' and '.join(first.environments)}.",
            f"Next, in another terminal: pennon login {listening.url}",
        ]
    typer.echo("\n".join(lines), err=True)


app.command()(with_settings(serve, Settings))
