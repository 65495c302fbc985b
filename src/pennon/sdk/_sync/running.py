# Generated from src/pennon/sdk/_async/running.py by scripts/generate.py: edit that file, not this one.
"""A client's loops while they run. A client has at most one such set, and gets a new one after a fork."""

import logging

from pennon.sdk._core import Core
from pennon.sdk._sync.keeper import Keeper
from pennon.sdk._sync.sender import Sender
from pennon.sdk._sync.sharing import Sharing
from pennon.sdk._sync.transport import Transport, prepared
from pennon.sdk._sync.upstream import Upstream
from pennon.sdk.config import Config
from pennon.sdk.ladder import Ladder
from pennon.sdk.sharing.share import share
from pennon.sdk.threads import Loop, Loops, Signal

_LOG = logging.getLogger("pennon")


class Running:
    """The loops of one client, started when this is made."""

    def __init__(self, core: Core, config: Config, ladder: Ladder) -> None:
        config = prepared(config)
        self.settled = Signal()
        self.is_stopped = False
        self._transports: list[Transport] = []
        self._upstream: Upstream | None = None
        self._sharing: Sharing | None = None
        self._sender: Sender | None = None
        self._loops = Loops(self.release)
        loops: dict[str, Loop] = {}
        shared, problem = share(config.store) if config.urls else (None, "")
        if problem:
            _LOG.warning("%s; this process streams by itself", problem)
        if shared is not None:
            self._sharing = Sharing(core, config, shared)
            loops["pennon-sharing"] = self._sharing.run
        elif config.urls:
            self._upstream = Upstream(core, config, self._transport(config), ladder)
            loops["pennon-upstream"] = self._upstream.run
        if config.urls and config.events:
            self._sender = Sender(core, config, self._transport(config))
            loops["pennon-sender"] = self._sender.run
        store = None if self._sharing is not None else config.store
        self._keeper = Keeper(core, config, self._sharing or self._upstream, store)
        loops["pennon-keeper"] = self._keeper.run
        self._loops.start(loops)

    def wake_sender(self) -> None:
        """Have events sent soon."""
        if self._sender is not None:
            self._sender.wake()

    def flush(self, timeout_s: float) -> bool:
        """Send all events there are. Return whether all are sent."""
        return self._sender is None or self._sender.flush(timeout_s)

    def stop(self, timeout_s: float, *, cut: bool) -> bool:
        """End the loops, with *cut* also what they are sending. Return whether all are over in time."""
        self.is_stopped = True
        self._keeper.stop()
        if self._sharing is not None:
            self._sharing.stop()
        if self._upstream is not None:
            self._upstream.stop()
        if self._sender is not None:
            self._sender.stop()
            if cut:
                self._sender.cut()
        is_over = self._loops.stop(timeout_s)
        return (self._sharing is None or self._sharing.stopped(timeout_s)) and is_over

    def forget(self) -> None:
        """Let go, in a forked process, of what the parent's kernel objects are shared by."""
        if self._sharing is not None:
            self._sharing.forget()

    def close(self, timeout_s: float) -> None:
        """End the loops, send what is left, keep what is known, close all connections."""
        self.stop(timeout_s / 2, cut=False)
        self.flush(timeout_s / 2)
        self._keeper.save(last=True)
        self.release()

    def release(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            transport.close()
        if self._sharing is not None:
            self._sharing.close()

    def _transport(self, config: Config) -> Transport:
        transport = Transport(config)
        self._transports.append(transport)
        return transport
