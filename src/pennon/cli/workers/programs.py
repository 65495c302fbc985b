"""What a worker runs: the server, or the edge node, each imported only by its own workers."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from prometheus_client.registry import Collector

from pennon.cli.logs import set_up_logs
from pennon.cli.workers.channel import Start
from pennon.stream.families import Family

Others: TypeAlias = Callable[[], Awaitable[list[list[Family]]]]
_LONGEST_NAME = 58
"""So that a number fits behind it."""


class Made(msgspec.Struct, frozen=True):
    """A program: its application, what it counts, what it says when it serves, and how it says that it cannot start."""

    app: Any
    collector: Collector
    said: Callable[[], bytes]
    refusals: tuple[type[Exception], ...]


class CannotMake(Exception):
    """The program cannot start. The text says why."""


def make(start: Start, others: Others) -> Made:
    """Return the program that *start* names. Raises `CannotMake`."""
    return _server(start, others) if start.program == "serve" else _edge(start, others)


def _server(start: Start, others: Others) -> Made:
    from pennon.control.app import CannotStart, Place, create_app  # noqa: PLC0415
    from pennon.control.config import Settings  # noqa: PLC0415

    settings = Settings(**_read(start.settings))  # as the supervisor has checked them
    set_up_logs(level=settings.log_level, form=settings.log_format)
    place = Place(start.number, start.workers, start.events, Path(start.folder))
    try:
        app = create_app(settings, place=place, others=others)
    except CannotStart as error:
        raise CannotMake(str(error)) from error
    return Made(app, app.state.metrics, lambda: b"", (CannotStart,))


def _edge(start: Start, others: Others) -> Made:
    """Return the node itself, or one that follows it: one stream to the upstream, one store, one name above."""
    from pennon.edge.application import Application  # noqa: PLC0415
    from pennon.edge.config import Settings  # noqa: PLC0415
    from pennon.edge.node import CannotStart, EdgeNode  # noqa: PLC0415

    settings = Settings(**_read(start.settings))
    set_up_logs(level=settings.log_level, form=settings.log_format)
    if start.number:
        settings = msgspec.structs.replace(
            settings,
            upstream=(start.hub_url, *settings.upstream),
            name=f"{(settings.name or 'edge')[:_LONGEST_NAME]}-{start.number}",
            data=str(settings.data_folder / f"worker-{start.number}"),
            kv=None,
            publish=None,
        )
    try:
        edge = EdgeNode(settings, shared_folder=Path(start.folder) / "documents")
    except CannotStart as error:
        raise CannotMake(str(error)) from error
    app = Application(edge, others)
    return Made(app, edge.stream.metrics.registry, lambda: edge.status().to_json(), (CannotStart,))


def _read(settings: bytes) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in msgspec.json.decode(settings).items()
    }
