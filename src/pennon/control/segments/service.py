"""Commands on the segments of an environment."""

from functools import partial

import msgspec

from pennon.control.environments.gate import NO_LEAVE, Permit, permit_everybody
from pennon.control.environments.protection import Leave
from pennon.control.errors import AlreadyExists, NotFound
from pennon.control.log import Actor, ChangeLog, EnvironmentName, Idempotency, Outcome
from pennon.control.working.commands import ItemCommand, change_item
from pennon.control.working.salts import NewSalt, random_salt
from pennon.control.working.state import WorkingState
from pennon.model import Segment
from pennon.model.limits import DEFAULT_LIMITS, Limits


class SegmentService:
    """Creates, replaces and deletes segments. `ChangeService` edits their lists without sending them whole.

    Each command raises `NotFound` for an environment that is not there, and `Invalid` with the path into the segment
    (or into `/flags/{key}` of what it would break). Version, changedAt and hash of a given segment are ignored.
    """

    def __init__(
        self,
        log: ChangeLog,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._new_salt = new_salt
        self._change_item = partial(change_item, log, limits=limits, permit=permit)

    def create_segment(
        self,
        environment: EnvironmentName,
        segment: Segment,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Create *segment*, with a random salt if it has none. Raises `AlreadyExists`."""

        def create(state: WorkingState) -> None:
            if state.segment(segment.key) is not None:
                raise AlreadyExists("segment", segment.key)
            state.put(msgspec.structs.replace(segment, salt=segment.salt or self._new_salt()))

        command = ItemCommand(
            environment=environment,
            name=("segment", segment.key),
            action="createSegment",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
        )
        return self._change_item(command, create)

    def replace_segment(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        environment: EnvironmentName,
        segment: Segment,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Make *segment* the segment of its key; without a salt, it keeps the one it has.

        Raises `NotFound`, and `PreconditionFailed` with the current segment unless its version is as *expected*.
        """

        def replace(state: WorkingState) -> None:
            if (before := state.segment(segment.key)) is None:
                raise NotFound("segment", segment.key)
            state.put(msgspec.structs.replace(segment, salt=segment.salt or before.salt))

        command = ItemCommand(
            environment=environment,
            name=("segment", segment.key),
            action="replaceSegment",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
            expected=expected,
        )
        return self._change_item(command, replace)

    def delete_segment(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        environment: EnvironmentName,
        key: str,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Delete a segment. Raises `NotFound`, `PreconditionFailed`, and `SegmentStillUsed` naming its users."""

        def delete(state: WorkingState) -> None:
            if state.segment(key) is None:
                raise NotFound("segment", key)
            state.delete(("segment", key))

        command = ItemCommand(
            environment=environment,
            name=("segment", key),
            action="deleteSegment",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
            expected=expected,
        )
        return self._change_item(command, delete)
