"""Layers over HTTP."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, item_answer, list_answer
from pennon.control.api.inputs import Command, Expected, Given, ItemKey, Paging, Place
from pennon.control.api.resources import WarnedResource, encoded, require_same_key, sent
from pennon.control.api.routes import ENVIRONMENT, creates, deletes, reads, replaces
from pennon.control.log import Outcome, Stored
from pennon.control.services import Services
from pennon.model import Layer, Slot

_LIST = ENVIRONMENT + "/layers"
_ONE = _LIST + "/{layer:path}"
_SLOTS = [{"from": 0, "to": 50000, "experiment": "exp-a"}]


class LayerResource(WarnedResource, frozen=True, kw_only=True):
    """Experiments that share units without meeting: each owns places, and a unit has one place."""

    salt: Annotated[str, Meta(description="Left out: a random one, or the one that it has.")] = ""
    by: Annotated[str, Meta(description="The attribute that is bucketed.")] = "targetingKey"
    slots: Annotated[tuple[Slot, ...], Meta(description="Places from 0 to 100000, and who owns them.")] = ()


class NewLayer(LayerResource, frozen=True, kw_only=True):
    """A layer to create."""

    key: str


def show_layer(stored: Stored) -> bytes:
    """Return a stored layer as it is shown."""
    return encoded(stored.read(Layer), LayerResource)


def _changed(outcome: Outcome, *, status: int = 200) -> Response[Any]:
    return changed_answer(outcome, show_layer, status=status)


def layer_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @reads(_LIST, ListOf[LayerResource])
    def list_layers(where: Place, paging: Paging) -> Response[Any]:
        """List the layers of an environment."""
        page = services.layer_views.layers(where, after=paging.after, limit=paging.limit)
        return list_answer(map(show_layer, page.items), page.next)

    @creates(_LIST, LayerResource, permission="flag.change", example={"key": "checkout", "slots": _SLOTS})
    def create_layer(where: Place, data: JSONBody[NewLayer], command: Command, leave: Given) -> Response[Any]:
        """Create a layer."""
        return _changed(
            services.layers.create_layer(where, sent(data, Layer, key=data.key), leave=leave, **command.said),
            status=201,
        )

    @reads(_ONE, LayerResource, versioned=True)
    def read_layer(request: Request[Any, Any, Any], where: Place, item_key: ItemKey) -> Response[Any]:
        """Show a layer."""
        return item_answer(request, services.layer_views.layer(where, item_key), show_layer)

    @replaces(_ONE, LayerResource, permission="flag.change", example={"slots": _SLOTS})
    def replace_layer(
        where: Place,
        item_key: ItemKey,
        data: JSONBody[LayerResource],
        command: Command,
        leave: Given,
        expected: Expected,
    ) -> Response[Any]:
        """Replace a layer."""
        require_same_key(data, item_key)
        layer = sent(data, Layer, key=item_key)
        return _changed(services.layers.replace_layer(where, layer, expected=expected, leave=leave, **command.said))

    @deletes(_ONE, permission="flag.change")
    def delete_layer(
        where: Place, item_key: ItemKey, command: Command, leave: Given, expected: Expected
    ) -> Response[Any]:
        """Delete a layer. Refused while a flag has an experiment in it."""
        return _changed(services.layers.delete_layer(where, item_key, expected=expected, leave=leave, **command.said))

    return [list_layers, create_layer, read_layer, replace_layer, delete_layer]
