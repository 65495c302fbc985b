"""Events at an edge: kept on disk from the moment they are acknowledged, and handed on to the upstream.

folder/node                 the name of this folder on the way of a batch, made at the first start
folder/spool/shop/prod/     one spool an environment: one that no upstream takes holds up no other
folder/dead/, folder/again/ dead letters
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import unquote

import structlog

from pennon.edge.dead_letters import DeadLetters
from pennon.edge.event_metrics import ForwardingMetrics
from pennon.edge.lanes import ForwardingSettings, Lane, Surroundings, folder_of
from pennon.events import DIRECT, EventBatch, Way
from pennon.ingest import Accepted, Ingest, IngestSettings, IngestUnavailable, SpoolError, SpoolSettings
from pennon.ingest.folders import held
from pennon.ingest.spool import replace_file
from pennon.sdk._async.transport import prepared
from pennon.sdk.config import Options, configure
from pennon.sdk.receiver import AnyCall, Calls

_log = structlog.get_logger(__name__)
_SEGMENT_BYTES = 4 * 1024 * 1024
_SEGMENTS = 8
_ID_BYTES = 8
_ANSWER_BYTES = 4 * 1024 * 1024


class EdgeEvents:
    """An `EventSink` of an edge node, as an async context manager: it must be open for as long as the node is.

    *upstreams* are addresses in the order of preference, *key* the edge key. One process at a time has the *folder*.
    `metrics` goes into the registry that `/metrics` shows. *watch* makes what is told of the calls of a transport.
    Raises `InvalidConfiguration`.
    """

    passes_on = True

    def __init__(
        self,
        folder: Path,
        upstreams: Sequence[str],
        key: str,
        settings: ForwardingSettings = ForwardingSettings(),  # noqa: B008  # immutable
        *,
        options: Options | None = None,
        watch: Callable[[], Calls] = AnyCall,
    ) -> None:
        wanted: Options = {"max_bytes": _ANSWER_BYTES, "timeout_s": settings.timeout_s, **(options or {})}
        self._config = prepared(configure(tuple(upstreams), key=key, file=None, store=None, options=wanted, environ={}))
        self._folder = folder
        self._settings = settings
        self._watch = watch
        self._dead = DeadLetters(folder, max_bytes=settings.dead_letter_bytes)
        self.metrics = ForwardingMetrics()
        self._shared: Surroundings | None = None
        self._lanes: dict[str, Lane] = {}
        self._opening = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._holding = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open every spool that is there, and hand on what is in it. Raises `SpoolError` and `OSError`."""
        self._holding.enter_context(held(self._folder))
        node = await asyncio.to_thread(_named, self._folder)
        self._shared = Surroundings(node, self._config, self._settings, self._dead, self.metrics, self._watch)
        for environment in await asyncio.to_thread(_environments, self._folder / "spool"):
            await self._open(environment, self._shared)
        self._looking = asyncio.create_task(self._look_on())

    async def stop(self) -> None:
        """Take no more, hand on what can be for `drain_s` at most, and close the spools."""
        self._shared = None
        tasks = [*self._tasks.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lanes = tuple(self._lanes.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                # What one cannot hand on now lies in its spool; the others go on.
                await asyncio.gather(*(lane.finish() for lane in lanes), return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in lanes))
        self._lanes.clear()
        self._tasks.clear()
        self._holding.close()

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, way: Way = DIRECT) -> Accepted:
        """Take *batch*, once, and return when it is on disk. Raises `BatchTooOld` and `IngestUnavailable`."""
        if self._shared is None:
            raise IngestUnavailable("not started, or stopping")
        if self._shared.node in way.via:
            # Whoever has it now must keep it: this node may have given it away already, to that very one.
            raise IngestUnavailable("the batch was here before, on its way up: two nodes hand on to each other")
        lane = self._lanes.get(environment) or await self._opened(environment, self._shared)
        return await lane.ingest.accept(environment, key_hash, batch, way)

    async def _opened(self, environment: str, shared: Surroundings) -> Lane:
        try:
            async with self._opening:
                return self._lanes.get(environment) or await self._open(environment, shared)
        except (SpoolError, OSError) as error:
            _log.error("events are refused: a spool cannot be opened", environment=environment, problem=str(error))
            raise IngestUnavailable(str(error)) from error

    async def _open(self, environment: str, shared: Surroundings) -> Lane:
        most = self._settings.spool_bytes
        spool = SpoolSettings(
            segment_bytes=min(_SEGMENT_BYTES, most // _SEGMENTS),
            reserve_bytes=self._settings.reserve_bytes,
            max_bytes=most,
        )
        folder = folder_of(self._folder / "spool", environment)
        ingest = Ingest(folder, self._config.clock.time, IngestSettings(spool=spool, passes_on=True))
        await ingest.start()
        lane = self._lanes[environment] = Lane(environment, ingest, shared)
        self._tasks[environment] = asyncio.create_task(lane.run())
        return lane

    async def _look_on(self) -> None:
        """Look for dead letters that are to be sent again, now and then, and count those that there are."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001  # the background loop must survive a folder that somebody edits
                _log.warning("dead letters cannot be looked at", exc_info=True)
            await asyncio.sleep(self._settings.look_s)

    async def _look(self) -> None:
        names, size = await asyncio.to_thread(lambda: (self._dead.names(), self._dead.size()))
        self.metrics.dead.set(len(names))
        self.metrics.dead_bytes.set(size)
        for name, letter in await asyncio.to_thread(lambda: list(self._dead.sending_again())):
            if letter is None:
                _log.warning("a dead letter cannot be read, and is not sent again", file=name)
            elif self._shared is not None:
                lane = self._lanes.get(letter.environment) or await self._opened(letter.environment, self._shared)
                lane.send_again(name, letter.letter)


def _named(folder: Path) -> str:
    """Return the name by which the folder's node goes on the way of a batch, making one the first time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "node"
    with contextlib.suppress(FileNotFoundError):
        name = path.read_text(errors="replace")
        if len(name) == 2 * _ID_BYTES and set(name) <= set("0123456789abcdef"):
            return name
    name = secrets.token_hex(_ID_BYTES)
    replace_file(path, name.encode())
    return name


def _environments(spools: Path) -> list[str]:
    """Return the environments that have a spool."""
    folders = (path for path in spools.glob("*/*") if path.is_dir())
    return sorted(f"{unquote(path.parent.name)}/{unquote(path.name)}" for path in folders)
