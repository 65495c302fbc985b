"""Layers: the list, one of them with its places drawn and who uses it, and the form that deals them out."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.edits import AnyEdit, DeleteLayer, PutLayer
from pennon.control.changes.layer_edits import SetSlots
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.failures import problems_of
from pennon.control.ui.foremost import leads_to_foremost
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import LastKey, Named, Sent
from pennon.control.ui.once import NOTHING
from pennon.control.ui.rendering import Pages, page_path
from pennon.control.ui.reviewing import Proposed, reviewed_in
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.rows import reshaped, row_count
from pennon.control.ui.telling import status_for, told
from pennon.control.ui.visitors import Visitor
from pennon.control.working.commands import Expectation
from pennon.model import WEIGHT_TOTAL, Layer, Problem, Slot

_PAGE = 50
_SLOTS = "slots"
_WITHIN = "/edits/0"


def layer_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/layers")
    def list_layers(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show a page of layers."""
        return _listed(pages, request, EnvironmentName(project, environment))

    @shows(ENVIRONMENT + "/layers/{layer:path}")
    def show_layer(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, last_key: LastKey
    ) -> Response[Any]:
        """Show a layer."""
        return _shown(pages, request, EnvironmentName(project, environment), last_key)

    @acts(ENVIRONMENT + "/edit-layer", permission="read")
    def edit_layer(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent
    ) -> Response[Any]:
        """Go on to the review of what a form asks for; or show it with a row more or less."""
        name, key = EnvironmentName(project, environment), form.text("layer")
        is_new = form.raw("do") == "create"
        if (other := reshaped(form)) is not None:
            return _shown(pages, request, name, key, typed=other)
        try:
            edit = _edit(form, key)
            pages.services.changes.preview(name, (edit,))
        except PennonError as error:
            fault = _of_form(error)
            if is_new:
                return _listed(pages, request, name, typed=form, error=fault)
            return _shown(pages, request, name, key, typed=form, error=fault)
        version = form.whole("version")
        expected = None if version is None else Expectation(layers={key: version})
        is_gone = isinstance(edit, DeleteLayer)
        back = page_path("projects", project, "environments", environment, "layers", *([] if is_gone else [key]))
        return reviewed_in(pages, request, name, Proposed(edits=(edit,), expected=expected, back=back))

    return [leads_to_foremost(pages, "layers"), list_layers, show_layer, edit_layer]


def _edit(form: Form, key: str) -> AnyEdit:
    match form.raw("do"):
        case "create":
            if not key:
                raise Invalid.at("/layer", "has no key", "write one, as in checkout")
            return PutLayer(layer=Layer(key=key, by=form.text("by") or "targetingKey"))
        case "slots":
            return SetSlots(layer=key, slots=_slots(form))
        case "delete":
            return DeleteLayer(layer=key)
        case _:
            raise Invalid.at("/do", "there is no such form", "reload the page")


def _slots(form: Form) -> tuple[Slot, ...]:
    """Return what the rows say. Raises `Invalid` with every problem that they have."""
    problems: list[Problem] = []
    slots = []
    for at in range(row_count(form, _SLOTS)):
        places = [form.whole(f"{_SLOTS}/{at}/{end}") for end in ("from", "to")]
        for end, place in zip(("from", "to"), places, strict=True):
            if place is None or place > WEIGHT_TOTAL:
                problems.append(
                    Problem(f"/{_SLOTS}/{at}/{end}", "is no place", f"write a number from 0 to {WEIGHT_TOTAL}")
                )
        slots.append(Slot(places[0] or 0, places[1] or 0, form.text(f"{_SLOTS}/{at}/experiment")))
    if problems:
        raise Invalid(problems)
    return tuple(slots)


def _of_form(error: PennonError) -> PennonError:
    """Return *error* with its paths as the form names its fields."""
    if not isinstance(error, Invalid):
        return error
    moved = (msgspec.structs.replace(each, path=each.path.removeprefix(_WITHIN)) for each in problems_of(error))
    return Invalid(moved)


def _form_of(layer: Layer) -> Form:
    """Return the form as it is before anybody typed."""
    rows = ({"from": slot.from_, "to": slot.to, "experiment": slot.experiment} for slot in layer.slots)
    return Form(
        tuple((f"{_SLOTS}/{at}/{name}", str(value)) for at, row in enumerate(rows) for name, value in row.items())
    )


def _listed(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    *,
    typed: Form = NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    after = request.query_params.get("after") or None
    page = pages.services.layer_views.layers(name, after=after, limit=_PAGE)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
    return pages.answer(
        request,
        "layers.html",
        frame=frame,
        layers=[stored.read(Layer) for stored in page.items],
        after=after,
        next=page.next,
        typed=typed,
        total=WEIGHT_TOTAL,
        status=status_for(error),
        **told(error),
    )


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    key: str,
    *,
    typed: Form | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    layer = pages.services.layer_views.layer(name, key).read(Layer)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        users = [user for _, user in pages.services.flag_views.users(reading, name, ("layer", key))]
    form = typed or _form_of(layer)
    return pages.answer(
        request,
        "layer.html",
        frame=frame,
        layer=layer,
        free=WEIGHT_TOTAL - sum(slot.to - slot.from_ for slot in layer.slots),
        total=WEIGHT_TOTAL,
        users=users,
        typed=form,
        rows=row_count(form, _SLOTS),
        status=status_for(error),
        **told(error),
    )
