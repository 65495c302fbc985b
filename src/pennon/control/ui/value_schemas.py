"""A flag's values between two schemas: what is served, what is prepared, who could not read it, and the three steps."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.edits import ActivateSchema
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid, PennonError
from pennon.control.flags.definitions import FlagDefinition, OtherValues
from pennon.control.flags.schema_steps import LONGEST_H, SHORTEST_H
from pennon.control.log import EnvironmentName
from pennon.control.ui.definition_forms import value_of, value_text
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import LastKey, Named, Sent
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import Proposed, reviewed_in, with_note
from pennon.control.ui.routes import PROJECT, acts, shows
from pennon.control.ui.telling import reason
from pennon.control.ui.visitors import Visitor
from pennon.model import Json, Problem
from pennon.model.repeats import repeated_members

_STEPS = ("prepare", "activate", "clean-up")


def value_schema_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/value-schemas/{flag:path}")
    def show_value_schema(request: Request[Visitor, Any, Any], project: Named, last_key: LastKey) -> Response[Any]:
        """Show how the values of a flag stand."""
        return _shown(pages, request, project, last_key)

    @acts(PROJECT + "/schema-step", permission="flag.define")
    def step(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Prepare values, serve those that are prepared, or drop those that are not served."""
        key = form.raw("flag")
        back = page_path("projects", project, "value-schemas", key)
        if form.has("propose"):
            edit = ActivateSchema(flag=key)
            return reviewed_in(
                pages,
                request,
                EnvironmentName(project, form.raw("environment")),
                Proposed(edits=(edit,), back=back, why=reason(form.text("why"))),
            )
        try:
            _step(pages, request.user, project, key, form)
        except PennonError as error:
            return _shown(pages, request, project, key, typed=form, error=error)
        return sent_to(with_note(back, form.raw("do")))

    return [show_value_schema, step]


def _step(pages: Pages, visitor: Visitor, project: str, key: str, form: Form) -> None:
    schemas, by, why = pages.services.schemas, visitor.actor, reason(form.text("why"))
    match form.raw("do"):
        case "prepare":
            definition = pages.services.flag_views.definition(project, key).read(FlagDefinition)
            schemas.prepare_schema(project, key, _wanted(form, definition), by=by, why=why)
        case "activate":
            leave = Leave(is_break_glass=form.has("break-glass"))
            schemas.activate_schema(project, key, leave=leave, by=by, why=why)
        case "clean-up":
            schemas.clean_up_schema(project, key, by=by, why=why)
        case _:
            raise Invalid.at("/do", "there is no such form", "reload the page")


def _wanted(form: Form, definition: FlagDefinition) -> OtherValues:
    """Return what is to be prepared. Values that are as they were are left out. Raises `Invalid` by fields."""
    problems: list[Problem] = []
    values: dict[str, Json] = {}
    known = {each.key: each for each in definition.variations}
    # By their keys: somebody may have put the variations into another order since the form was shown.
    for row, key in enumerate(form.all("variation")):
        text = form.raw(_field(row))
        if (variation := known.get(key)) is None:
            problems.append(Problem(f"/{_field(row)}", f"there is no variation {key!r} any more", "reload the page"))
            continue
        if text.strip() == value_text(variation.value, definition.kind).strip():
            continue
        try:
            values[key] = value_of(text, definition.kind, _field(row))
        except Invalid as error:
            problems += error.problems
    try:
        schema = msgspec.json.decode(form.raw("schema")) if form.text("schema") else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        problems.append(Problem("/schema", "is not JSON", 'write it as in {"type": "object"}, or leave it empty'))
        schema = None
    else:
        problems += (each.under("/schema") for each in repeated_members(form.raw("schema") or "null"))
    hours = form.whole("goneAfterH")
    if hours is None:
        problems.append(Problem("/goneAfterH", "is no number of hours", f"write one from {SHORTEST_H} to {LONGEST_H}"))
    if problems:
        raise Invalid(problems)
    return OtherValues(schema=schema, values=values, read_by=_read_by(form), gone_after_h=hours or 0)


def _read_by(form: Form) -> Mapping[str, str]:
    """Return the version from which on each reader can read the values: a name and a version in a line."""
    named = (line.replace("=", " ").split(None, 1) for line in form.raw("readBy").split("\n") if line.strip())
    return {name: "".join(version) for name, *version in named}


def _form_of(definition: FlagDefinition) -> Form:
    """Return the form as it is before anybody typed: what is prepared, or else what is served."""
    coming = definition.prepared or OtherValues(schema=definition.value_schema)
    return Form(
        (
            ("schema", "" if coming.schema is None else _indented(coming.schema)),
            ("readBy", "\n".join(f"{name} {version}" for name, version in coming.read_by.items())),
            ("goneAfterH", str(coming.gone_after_h)),
            *(("variation", each.key) for each in definition.variations),
            *(
                (_field(row), value_text(coming.values.get(each.key, each.value), definition.kind))
                for row, each in enumerate(definition.variations)
            ),
        )
    )


def _field(row: int) -> str:
    return f"value.{row}"


def _indented(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    project: str,
    key: str,
    *,
    typed: Form | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    standing = pages.services.schemas.standing(project, key)
    definition = standing.definition
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
    step = next((each for each in _STEPS if typed is not None and typed.raw("do") == each), "")
    form = typed if typed is not None and step == "prepare" else _form_of(definition)
    beside, others = _beside(() if error is None else problems_of(error), form)
    return pages.answer(
        request,
        "value_schema.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        definition=definition,
        standing=standing,
        typed=form,
        step=step,
        why=typed.raw("why") if typed is not None else "",
        names=sorted({product.partition("/")[0] for each in standing.readers for product in each.sdk.split()}),
        served=[(each.key, each.value) for each in definition.variations],
        beside=beside,
        problems=others,
        failed=None if error is None else {"title": title_of(error)[1], "text": _told(error)},
    )


def _told(error: PennonError) -> str:
    return "Nothing was changed: see below." if getattr(error, "problems", ()) else sentence(error)


def _beside(problems: tuple[Problem, ...], form: Form) -> tuple[dict[str, Problem], tuple[Problem, ...]]:
    """Return *problems* by the fields of the form that they are of, and those that are of none."""
    rows = {key: _field(row) for row, key in enumerate(form.all("variation"))}
    placed: dict[str, Problem] = {}
    others = []
    for problem in problems:
        first, _, rest = problem.path.lstrip("/").partition("/")
        if first in {"schema", "readBy", "goneAfterH", *rows.values()}:
            placed.setdefault(first, problem)
        elif first == "values" and (field := rows.get(rest.partition("/")[0])):
            placed.setdefault(field, problem)
        else:
            others.append(problem)
    return placed, tuple(others)
