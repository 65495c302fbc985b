"""The change log: the one way to write, and the one source of every reading.

Here are the port that storages implement and its types. Every change to anything is a row of some log: who, when, why,
what it was, what it is now. The rows of a log are numbered by its revision without gaps, and chained by their hashes.

    installation                          projects, tokens, signing keys, settings
    projects/{project}                    environments, flag definitions, change requests, schedules
    environments/{project}/{environment}  flags, segments, layers, keys
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol, Self, TypeAlias, TypeVar

import msgspec

from pennon.model import Item, Position
from pennon.model.items import ItemModel

INSTALLATION = "installation"
"""The log of what belongs to no project."""
NO_HASH = "0" * 64
"""The hash before the first row of a log."""

T = TypeVar("T")
Subscriber: TypeAlias = Callable[[Mapping[str, "Change"]], None]


def project_log(project: str) -> str:
    """Return the name of a project's log."""
    return f"projects/{project}"


def environment_log(project: str, environment: str) -> str:
    """Return the name of an environment's log."""
    return f"environments/{project}/{environment}"


class EnvironmentName(msgspec.Struct, frozen=True, order=True):
    """An environment, by the keys of its project and itself. As text: `shop/production`."""

    project: str
    environment: str

    def __str__(self) -> str:
        return f"{self.project}/{self.environment}"

    @property
    def log(self) -> str:
        """The name of its log."""
        return environment_log(self.project, self.environment)


class Actor(msgspec.Struct, frozen=True):
    """Who makes a change. `id` never changes meaning; `name` is for people, as it was at the time."""

    kind: Literal["token", "account", "system", "import"]
    id: str
    name: str

    def importing(self, source: str) -> "Actor":
        """Return the actor of what this one imports from *source*, so that it is told from what people did here."""
        return Actor("import", f"{self.kind}:{self.id}", f"{self.name} (import from {source})")

    def through(self, what: str) -> "Actor":
        """Return the actor of what is done for this one later, as by a schedule, so that it is told from his own."""
        return Actor(self.kind, self.id, f"{self.name} ({what})")

    @property
    def who(self) -> tuple[str, str]:
        """The kind and the id of who acts, also where he imports: an account's key may look like a token's id."""
        kind, mark, id_ = self.id.partition(":") if self.kind == "import" else (self.kind, ":", self.id)
        return (kind, id_) if mark else ("token", kind)  # what was imported by earlier versions was so by tokens


SYSTEM = Actor("system", "pennon", "Pennon")
"""What Pennon does by itself."""


class Idempotency(msgspec.Struct, frozen=True):
    """The caller's name for one command, and a fingerprint of the request. An actor's keys are its own."""

    key: str
    fingerprint: str


class Head(msgspec.Struct, frozen=True):
    """Where a log stands: its last revision, with that row's hash and time."""

    epoch: int
    revision: int
    hash: str
    time: datetime


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An item as a log has it now, or had it. `text` is what travels, hash first."""

    kind: str
    key: str
    version: int
    changed_at: int
    hash: str
    text: bytes

    @classmethod
    def of(cls, kind: str, key: str, text: bytes) -> Self:
        """Return the item that travels as *text*."""
        item = Item.from_text(key, text)
        return cls(kind, key, item.version, item.changed_at, item.hash, text)

    @property
    def item(self) -> Item:
        """The same as snapshots and deltas hold it."""
        return Item(self.key, self.version, self.changed_at, self.hash, self.text)

    def read(self, model: type[T]) -> T:
        """Return the item as *model*."""
        return msgspec.json.decode(self.text, type=model)


class Edit(msgspec.Struct, frozen=True):
    """What one change did to one item: its travelling text before and after. None: it was not there."""

    kind: str
    key: str
    before: bytes | None
    after: bytes | None

    @property
    def left(self) -> Stored | None:
        """The item as the change left it; None: deleted."""
        return None if self.after is None else Stored.of(self.kind, self.key, self.after)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a log. Rows of several logs that were written by one command share `change_id` and `time`.

    `hash` is SHA-256(`previous` ‖ the row as stored), in hex; both operands are bytes.
    """

    log: str
    epoch: int
    revision: int
    change_id: str
    time: datetime
    actor: Actor
    action: str
    why: str
    edits: tuple[Edit, ...]
    previous: str
    hash: str


class State(msgspec.Struct, frozen=True):
    """All items of a log, by kind and key, at one revision. A kind without items is left out."""

    head: Head
    items: Mapping[str, Mapping[str, Stored]]

    def of(self, kind: str) -> Mapping[str, Stored]:
        """Return the items of one kind by key."""
        return self.items.get(kind, {})


class Verification(msgspec.Struct, frozen=True):
    """What a check of a log found. `problem` names the first bad row or item; None: all is as it must be."""

    log: str
    rows: int
    problem: str | None = None


class Reading(Protocol):
    """A consistent view of all logs: nothing changes in it while it is open."""

    def heads(self, prefix: str = "") -> Mapping[str, Head]:
        """Return where each log stands whose name starts with *prefix*."""

    def head(self, log: str) -> Head | None:
        """Return where *log* stands; None: there is no such log."""

    def item(self, log: str, kind: str, key: str) -> Stored | None:
        """Return one item as it is now."""

    def items(self, log: str, kind: str, *, after: str | None = None, limit: int | None = None) -> list[Stored]:
        """Return the items of one kind in the order of their keys (by code point), from behind *after*."""

    def items_named(self, log: str, kind: str, keys: Collection[str]) -> list[Stored]:
        """Return the items of one kind that have these *keys*, in their order, without those that are not there."""

    def items_with(self, log: str, kind: str, part: bytes) -> list[Stored]:
        """Return the items of one kind whose text has *part* in it, in the order of their keys."""

    def count(self, log: str, kind: str) -> int:
        """Return how many items of one kind there are."""

    def changes(
        self, log: str, *, after: int = 0, until: int | None = None, limit: int, max_bytes: int | None = None
    ) -> list[Change]:
        """Return the changes with *after* < revision ≤ *until*, oldest first, at most *limit*.

        With *max_bytes* it stops early, after at least one, when their rows hold more bytes than that.
        """

    def size(self, log: str) -> int:
        """Return how many bytes the rows of *log* hold."""

    def latest(
        self, log: str, *, before: int | None = None, limit: int, item: tuple[str, str] | None = None
    ) -> list[Change]:
        """Return the changes with revision < *before*, newest first; only those that touched *item* (kind, key)."""

    def times(self, log: str, kind: str, *, key: str | None = None) -> Mapping[str, datetime]:
        """Return when each item of one kind, or only *key*, became what it is, by its key."""

    def written_together(self, change_id: str) -> list[Change]:
        """Return the rows that one command wrote, in the order of the logs' names."""

    def change(self, log: str, revision: int) -> Change | None:
        """Return one change."""

    def revision_before(self, log: str, time: datetime) -> int:
        """Return the last revision of a log that was made before *time*; 0: none was."""

    def head_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> Head:
        """Return where *log* stood after *revision*, or at *time*; where neither is named, where it stands.

        Raises `NotFound` for a log or a revision that is not there. Before the first change it stood at revision 0.
        """

    def items_at(
        self, log: str, kind: str, *, revision: int, part: str = "", after: str | None = None, limit: int | None = None
    ) -> list[Stored]:
        """Return the items of one kind as they were after *revision*, those with *part* in the key, whatever the case.

        In the order of their keys, from behind *after*. Only what became of these is read, not the log up to there.
        """

    def item_at(self, log: str, kind: str, key: str, *, revision: int) -> Stored | None:
        """Return one item as it was after *revision*."""

    def state(self, log: str) -> State:
        """Return all current items and the head that they belong to. Raises `NotFound`."""

    def state_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> State:
        """Return the items as they were after *revision*, or at *time*: the log folded up to there.

        Raises `NotFound` for a log or a revision that is not there. Before the first change there are no items.
        """


class Writing(Reading, Protocol):
    """One command on the logs it named, which no other command changes meanwhile.

    Readings of items see what this command has put and deleted; `head`, `changes` and states are those before it.
    """

    @property
    def replayed(self) -> bool:
        """Whether this command was accepted before, under the same idempotency key.

        Then nothing may be put or deleted; `changes_made` and `heads_after` are those of the first time.
        """

    @property
    def changes_made(self) -> Mapping[str, Change]:
        """The row written in each log. Filled when the command is over; logs that nothing changed in have none."""

    @property
    def heads_after(self) -> Mapping[str, Head]:
        """Where each named log stands. Filled when the command is over."""

    def demand(self, check: Callable[[Reading], None]) -> None:
        """Call *check*, which raises unless the command may be, with all that is there without it.

        A long command asks again when its logs are locked: leave may have been taken from it meanwhile.
        """

    def finish(self, do: Callable[["Writing"], None]) -> None:
        """Call *do* once the logs are locked: now, or when a long command is about to be written.

        What depends on where a log stands is put here, for others move it all the time. It has to be quick.
        """

    def open(self, log: str) -> None:
        """Begin *log*, which must have been named for this command. One that is already there goes on."""

    def put(self, log: str, kind: str, model: ItemModel) -> Stored:
        """Make *model* the item of its kind and key, and return it with its version, changedAt and hash.

        Raises `Invalid` for text that no storage takes (NUL, lone surrogates), `NotFound` for a log that is not there.
        An item that is the same as before stays as it is, with its version.
        """

    def delete(self, log: str, kind: str, key: str) -> None:
        """Remove an item. Its version is never used again. Raises `NotFound`."""


class ChangeWarning(msgspec.Struct, frozen=True, kw_only=True):
    """What the one who made a change may not have thought of.

    `path` is a JSON pointer from the environment's root, as in a snapshot: `/flags/new-checkout/rules/0`.
    """

    code: str
    path: str
    message: str
    mend: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did.

    `position` is where the log that it was about stands after it. `change_id` is None where nothing was to be changed.
    `item` is the item that the command was about, None for a deleted one or where there were several.
    """

    changed: bool
    change_id: str | None
    position: Position
    item: Stored | None = None
    warnings: tuple[ChangeWarning, ...] = ()


def outcome_of(
    writing: Writing, log: str, name: tuple[str, str] | None = None, *, unchanged: Stored | None = None
) -> Outcome:
    """Return what the finished command *writing* did to *log* and to the item *name* (kind, key).

    A command that was sent again gets what it got at first. *unchanged* is the item where nothing was changed.
    """
    head, made = writing.heads_after[log], writing.changes_made
    edits = {(edit.kind, edit.key): edit for edit in made[log].edits} if log in made else {}
    return Outcome(
        changed=bool(made),
        change_id=next((change.change_id for change in made.values()), None),
        position=Position(head.epoch, head.revision),
        item=edits[name].left if name in edits else unchanged,
    )


class ChangeLog(Protocol):
    """All logs of an installation."""

    def reading(self) -> AbstractContextManager[Reading]:
        """Open a consistent view. Raises `Unavailable`."""

    def writing(
        self, *logs: str, by: Actor, action: str, why: str = "", idempotency: Idempotency | None = None
    ) -> AbstractContextManager[Writing]:
        """Open one command that may change *logs*, and lock them, in the order of their names.

        Leaving it normally writes one row in each log in which something changed, all at once, and then calls the
        subscribers. Leaving it by an exception changes nothing. A log that is not there yet has no head and can be
        opened.

        Raises `Unavailable` (nothing was changed), `OutcomeUnknown`, `IdempotencyKeyReused`, and `Invalid` for an
        *action*, *why* or actor that cannot be stored.
        """

    def carry_out(
        self,
        do: Callable[[Writing], None],
        *logs: str,
        by: Actor,
        action: str,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Writing:
        """Let *do* make one command that may change *logs*, and return it when it is over.

        It is written as by `writing`. A long one holds up nobody: it is made without the locks, on a reading, and
        *do* is called again where others changed what it had read meanwhile. What it does outside the logs it must be
        able to do twice; and the items that `put` returns may get a higher `changed_at` than they say.

        Raises what `writing` and *do* raise, and `Overtaken` where others changed too often what a long one had read.
        """

    def subscribe(self, callback: Subscriber) -> None:
        """Call *callback* after each commit of this process with the change that was written to each log.

        It runs on the committing thread and must not block. Two commits may be told in either order. What it raises
        is logged and harms nobody.
        """

    def check(self, log: str, *, witnesses: Sequence[Head] = ()) -> Verification:
        """Verify the chain, fold the log, and compare with the current items and with heads seen elsewhere."""
