"""One client's share in a local store: the seat, what it reads as a follower, what it writes as the leader.

Disk only: no loops, no waiting. What is read and written is the client's business.
"""

import contextlib
import os
from collections.abc import Sequence

import msgspec

from pennon.model import Position
from pennon.protocol import Adopted
from pennon.sdk.sharing.notice import Notice
from pennon.sdk.sharing.seat import Seat
from pennon.sdk.sharing.wakeups import Wakeups
from pennon.sdk.stores.base import Stored
from pennon.sdk.stores.file import FileStore, Journal
from pennon.sdk.stores.layout import Record

_REFRESH_S = 300.0  # a store that says when its state was current must be told so now and then


class Found(msgspec.Struct, frozen=True):
    """What a follower finds in the store: a whole state if the file is another, and what happened since."""

    stored: Stored | None
    records: Sequence[Record]
    was_damaged: bool = False


class Share:
    """Raises `OSError` when it is made where nothing can be shared."""

    def __init__(self, store: FileStore) -> None:
        self.store = store
        self.seat = Seat(store.path)
        self.wakeups = Wakeups()
        self.wakeups.watch(self.seat.path)
        self.was_damaged = False
        self._journal: Journal | None = None
        self._known_at = 0.0
        self._beats = 0

    def reopen(self) -> None:
        """Begin anew where the seat's file was removed. Raises `OSError`."""
        self.seat.reopen()
        self.wakeups.watch(self.seat.path)

    # As a follower.

    def news(self) -> Found | None:
        """Return what is new in the file that is open, None if it is not the store any more. Raises `OSError`."""
        opened = self.store.opened
        if opened is None or not opened.is_in_place(self.store.path):
            return None
        return Found(None, opened.news())

    def find(self) -> Found:
        """Open the store and return what it holds. It takes a while. Raises `CorruptStore`, or `OSError`."""
        opened = self.store.opened
        was_damaged = self.was_damaged or (opened is not None and opened.body.is_damaged)
        self.was_damaged = was_damaged  # until there is something sound
        stored = self.store.load_in_place()
        self.was_damaged = was_damaged and stored is None
        return Found(stored, (), was_damaged)

    # As the leader.

    def begin_leading(self, position: Position | None) -> None:
        """Go on with the file that was read to its end, if that led to *position*. Raises `OSError`."""
        self.wakeups.ignore()
        self.store.sweep()
        opened, self.store.opened = self.store.opened, None
        if opened is not None and opened.position == position:
            with contextlib.suppress(OSError):  # what cannot be gone on with is written anew
                self._journal = self.store.resume(opened)
            self._known_at = opened.head.known_at

    def add(self, steps: Sequence[Adopted], known_at: float) -> bool:
        """Write *steps* as what happened since. Return whether that was possible; if not, `publish` is called for.

        Raises `OSError`.
        """
        journal = self._journal
        try:
            return journal is not None and all(_continued(journal, step, known_at) for step in steps)
        except OSError:
            self._end_journal()  # what is missing now is in what is written anew
            raise

    def publish(self, steps: Sequence[Adopted], stored: Stored, *, is_last: bool = False) -> None:
        """Write *steps*, after which the state is *stored* or has gone on since. Raises `OSError`.

        See to the file too: that it is there, not too long, and says a recent time.
        """
        journal = self._journal
        if journal is None or journal.is_long or not journal.is_untouched() or not self.add(steps, stored.known_at):
            self._rewrite(stored)
            return
        if is_last or stored.known_at - self._known_at >= _REFRESH_S:
            journal.add(stored.known_at)
            self._known_at = stored.known_at

    def sync(self) -> None:
        """See onto the disk what was written. Nobody who follows may wait for this: a busy disk takes its time."""
        journal = self._journal
        if journal is not None:
            with contextlib.suppress(OSError):  # the file may be another by now; what is wrong shows when it is written
                journal.sync()

    def announce(self, notice: Notice) -> None:
        """Put up *notice*, with what this knows of itself. Raises `OSError`."""
        self._beats += 1
        notice = msgspec.structs.replace(notice, owner=self.store.owner, pid=os.getpid(), beat=self._beats)
        self.seat.write(notice)

    def leave(self) -> None:
        """Leave the seat to somebody else, for now."""
        self.seat.leave()
        self.sync()
        self._end_journal()

    def _end_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _rewrite(self, stored: Stored) -> None:
        self._end_journal()
        self._journal = self.store.begin(stored)
        self._known_at = stored.known_at

    # At the end.

    def close(self) -> None:
        """Leave it for good."""
        self.leave()
        self.wakeups.close()

    def forget(self) -> None:
        """Have nothing to do with it any more, in a forked process: the seat is the parent's."""
        self._end_journal()
        self.seat.forget()
        self.wakeups.close()


def _continued(journal: Journal, step: Adopted, known_at: float) -> bool:
    """Add *step* to *journal*. Return whether that was possible, or it had it already."""
    delta, position = step.as_delta(), journal.position
    if delta is None or delta.epoch != position.epoch or delta.from_ > position.revision:
        return False
    if delta.to > position.revision or (delta.from_ == delta.to == position.revision and delta.heads):
        journal.add(known_at, msgspec.structs.replace(delta, digest=step.snapshot.digest))
    return True


def share(store: object) -> tuple[Share | None, str]:
    """Return a share in *store*, None if it is not one that is shared or cannot be: then also why."""
    if not isinstance(store, FileStore) or not store.owner:
        return None, ""
    try:
        return Share(store), ""
    except OSError as error:
        return None, f"{store.path} cannot be shared with other processes: {error}"
