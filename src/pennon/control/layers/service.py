"""Commands on the layers of an environment."""

from functools import partial

import msgspec

from pennon.control.environments.gate import NO_LEAVE, Permit, permit_everybody
from pennon.control.environments.protection import Leave
from pennon.control.errors import AlreadyExists, NotFound
from pennon.control.log import Actor, ChangeLog, EnvironmentName, Idempotency, Outcome
from pennon.control.working.commands import ItemCommand, change_item
from pennon.control.working.salts import NewSalt, random_salt
from pennon.control.working.state import WorkingState
from pennon.model import Layer
from pennon.model.limits import DEFAULT_LIMITS, Limits


class LayerService:
    """Creates, replaces and deletes layers. `ChangeService` sets slots together with the flags that use them.

    Each command raises `NotFound` for an environment that is not there, and `Invalid` with the path into the layer
    (or into `/flags/{key}` of what it would break). Version, changedAt and hash of a given layer are ignored.
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

    def create_layer(
        self,
        environment: EnvironmentName,
        layer: Layer,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Create *layer*, with a random salt if it has none. Raises `AlreadyExists`."""

        def create(state: WorkingState) -> None:
            if state.layer(layer.key) is not None:
                raise AlreadyExists("layer", layer.key)
            state.put(msgspec.structs.replace(layer, salt=layer.salt or self._new_salt()))

        command = ItemCommand(
            environment=environment,
            name=("layer", layer.key),
            action="createLayer",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
        )
        return self._change_item(command, create)

    def replace_layer(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        environment: EnvironmentName,
        layer: Layer,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Make *layer* the layer of its key; without a salt, it keeps the one it has.

        Raises `NotFound`, and `PreconditionFailed` with the current layer unless its version is as *expected*.
        """

        def replace(state: WorkingState) -> None:
            if (before := state.layer(layer.key)) is None:
                raise NotFound("layer", layer.key)
            state.put(msgspec.structs.replace(layer, salt=layer.salt or before.salt))

        command = ItemCommand(
            environment=environment,
            name=("layer", layer.key),
            action="replaceLayer",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
            expected=expected,
        )
        return self._change_item(command, replace)

    def delete_layer(  # noqa: PLR0913  # where, what, on what condition, and who
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
        """Delete a layer. Raises `NotFound`, `PreconditionFailed`, and `LayerStillUsed` naming its users."""

        def delete(state: WorkingState) -> None:
            if state.layer(key) is None:
                raise NotFound("layer", key)
            state.delete(("layer", key))

        command = ItemCommand(
            environment=environment,
            name=("layer", key),
            action="deleteLayer",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
            expected=expected,
        )
        return self._change_item(command, delete)
