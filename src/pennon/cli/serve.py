"""`pennon serve`: runs the control plane with everything it needs, in one process or several."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from pennon.cli.settings import BadSettings, load_settings, with_settings
from pennon.control.config import Settings

if TYPE_CHECKING:
    from pennon.cli.server import Listening
    from pennon.control.assembly import FirstStart

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
    from pennon.cli.server import CannotListen  # noqa: PLC0415
    from pennon.cli.workers.process import WorkerFailed  # noqa: PLC0415
    from pennon.control.app import CannotStart, tell_on_stderr  # noqa: PLC0415
    from pennon.control.assembly import FirstStart  # noqa: PLC0415

    first: list[FirstStart] = []

    def load() -> Settings:
        return _checked(load_settings(Settings, options, os.environ, file=config))

    try:
        settings = load()
        set_up_logs(level=settings.log_level, form=settings.log_format)
        said = _Said(settings, first, json=json)
        if settings.workers == 1:
            _run(settings, said)
        else:
            _supervise(settings, said, load)
    except BadSettings as error:
        typer.echo(f"These settings cannot be used:\n{error}", err=True)
        raise typer.Exit(2) from error
    except (CannotListen, CannotStart, WorkerFailed) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        if first:  # it was made, and then something failed: without its token nobody could ever get in
            tell_on_stderr(first.pop())


def _checked(settings: Settings) -> Settings:
    """Return *settings* for this machine. Raises `BadSettings`."""
    from pennon.cli.open_files import streams_that_fit  # noqa: PLC0415
    from pennon.control.access.oidc.config import provider_config  # noqa: PLC0415
    from pennon.control.webhooks.addresses import networks  # noqa: PLC0415
    from pennon.stream.proxied import Proxies  # noqa: PLC0415

    problems: list[str] = []
    try:
        Proxies(settings.trusted_proxies, settings.forwarded_header)
    except ValueError as error:
        problems.append(f"trusted_proxies: {error}")
    try:
        settings = msgspec.structs.replace(settings, max_streams=streams_that_fit(settings.max_streams))
    except ValueError as error:
        problems.append(f"max_streams: {error}")
    try:
        networks(settings.webhook_networks)
    except ValueError as error:
        problems.append(f"webhook_networks: {error}")
    try:
        provider_config(settings)
    except ValueError as error:
        problems.append(str(error))
    if settings.admin_account is not None and settings.admin_password_file is None:
        problems.append("admin_account: it needs a password; set admin_password_file too")
    if problems:
        raise BadSettings(problems)
    return settings


def _run(settings: Settings, said: "_Said") -> None:
    from pennon.cli.server import run  # noqa: PLC0415
    from pennon.control.app import create_app  # noqa: PLC0415

    run(
        lambda: create_app(settings, announce=said.first.append),
        host=settings.host,
        port=settings.port,
        drain_timeout_s=settings.drain_timeout_s,
        ready=said.ready,
    )


def _supervise(settings: Settings, said: "_Said", load: Callable[[], Settings]) -> None:
    from pennon.cli.server import Listening, listen_together  # noqa: PLC0415
    from pennon.cli.workers.supervisor import CannotRenew, Plan, supervise  # noqa: PLC0415
    from pennon.control.app import prepared  # noqa: PLC0415

    def renewed() -> bytes:
        try:
            found = load()
            kept = {name: getattr(settings, name) for name in ("host", "port", "workers", "data")}
            return msgspec.json.encode(msgspec.structs.replace(found, **kept))
        except BadSettings as error:
            raise CannotRenew(str(error)) from error

    plan = Plan(program="serve", settings=renewed, drain_timeout_s=settings.drain_timeout_s)
    with contextlib.ExitStack() as stack:
        listeners = listen_together(settings.host, settings.port, settings.workers)
        for listener in listeners:
            stack.enter_context(listener)
        stack.enter_context(prepared(settings, announce=said.first.append))
        listening = Listening(settings.host, listeners[0].getsockname()[1])
        supervise(plan, listeners, ready=lambda _: said.ready(listening))


class _Said(msgspec.Struct, frozen=True):
    """What is said when the server is ready. `first` has what the first start made, until that is said."""

    settings: Settings
    first: "list[FirstStart]"
    json: bool

    def ready(self, listening: "Listening") -> None:
        _say_ready(listening, self.settings, self.first, json=self.json)


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
            *_told_administrator(first),
            f"The project {first.project} has the environments {' and '.join(first.environments)}.",
            f"Next, in another terminal: pennon login {listening.url}",
        ]
    typer.echo("\n".join(lines), err=True)


def _told_administrator(first: "FirstStart") -> list[str]:
    return [f"The account {first.administrator} is an administrator's.", ""] if first.administrator else []


app.command()(with_settings(serve, Settings))
