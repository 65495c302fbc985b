"""Signs heads by the key that is active in the log, as it is at that moment."""

import threading
from collections.abc import Mapping
from datetime import timedelta

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pennon.control.clock import Clock
from pennon.control.errors import Conflict, PennonError
from pennon.control.log import INSTALLATION, ChangeLog
from pennon.control.log import Head as Stand
from pennon.control.signing.keys import active_key, rotations_to, signing_keys
from pennon.control.signing.sealing import Safe, Secret
from pennon.model import Head, Position, Rotation
from pennon.protocol import Projection, heads

LOOK_EVERY = timedelta(seconds=1)
"""How often the log is asked for keys that another server made. What this one does it knows at once."""

_log = structlog.get_logger(__name__)


class _Active(msgspec.Struct, frozen=True):
    """The key that signs, its private part opened, and what led to it."""

    key: str
    private: Ed25519PrivateKey
    rotations: tuple[Rotation, ...]


class Signer:
    """Signs by the active key. May be used from several threads.

    A key that cannot be opened signs nothing, and that is logged: better no head than none that anybody trusts.
    """

    def __init__(self, log: ChangeLog, clock: Clock, safe: Safe, secret: Secret) -> None:
        self._log = log
        self._clock = clock
        self._safe = safe
        self._secret = secret
        self._lock = threading.Lock()
        self._active: _Active | None = None
        self._revision = -1
        self._looked_at: float | None = None
        self._problem = ""
        log.subscribe(self._hear)

    @property
    def key(self) -> str | None:
        """The active key as far as is known without asking the log; None while nothing is signed."""
        active = self._active
        return None if active is None else active.key

    @property
    def is_informed(self) -> bool:
        """Whether `look` would not ask the log now."""
        looked_at = self._looked_at
        return looked_at is not None and 0 <= self._clock.now().timestamp() - looked_at < LOOK_EVERY.total_seconds()

    def look(self) -> str | None:
        """Return the active key, None while nothing is signed. The log is asked at most once a second.

        Raises what the log raises.
        """
        with self._lock:
            if not self.is_informed:
                now = self._clock.now().timestamp()
                self._learn()
                self._looked_at = now
            return self.key

    def saw(self, logs: Mapping[str, Stand]) -> None:
        """Hear where logs stand, from who asked for all of them: for the same the log need not be asked again."""
        stand = logs.get(INSTALLATION)
        with self._lock:
            # If a change was heard of since, this may be what was before it.
            if self._looked_at is not None and stand is not None and stand.revision == self._revision:
                self._looked_at = self._clock.now().timestamp()

    def heads(self, environment: str, position: Position, roots: Mapping[Projection, str]) -> tuple[Head, ...]:
        """Return the signed heads of an environment's projections, by their *roots*; none while nothing is signed."""
        active = self._active
        if active is None:
            return ()
        time = round(self._clock.now().timestamp() * 1000)
        unsigned = (
            Head(
                environment=environment,
                projection=projection,
                epoch=position.epoch,
                revision=position.revision,
                time=time,
                root=root,
                key=active.key,
                signature="",
                rotations=active.rotations,
            )
            for projection, root in sorted(roots.items())
        )
        return tuple(heads.signed(head, active.private.sign) for head in unsigned)

    def _hear(self, changed: Mapping[str, object]) -> None:
        if INSTALLATION in changed:
            with self._lock:
                self._looked_at = None

    def _learn(self) -> None:
        with self._log.reading() as reading:
            head = reading.head(INSTALLATION)
            revision = 0 if head is None else head.revision
            if revision == self._revision:
                return
            keys = signing_keys(reading)
        active = active_key(keys)
        if active is None or self._active is None or active.key != self._active.key:
            self._active = None if active is None else self._opened(active.key)
        if active is not None and self._active is not None:
            self._active = msgspec.structs.replace(self._active, rotations=rotations_to(active, keys))
        # Last, and only if it could be opened: else it is tried again.
        self._revision = revision if active is None or self._active is not None else -1

    def _opened(self, key: str) -> _Active | None:
        try:
            if (sealed := self._safe.find(key)) is None:
                raise Conflict(f"the private part of {key} is gone", mend="retire it, and create another")
            private = self._secret.open(key, sealed)
        except PennonError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("heads cannot be signed", problem=self._problem)  # a person must act; the cause is in it
            return None
        self._problem = ""
        return _Active(key, private, ())
