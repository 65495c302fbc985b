"""From the form of a flag's definition to the definition, and back. Pure: fields in, a definition or problems out."""

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from pennon.control.errors import Invalid
from pennon.control.flags.definitions import FlagDefinition, Lifetime
from pennon.control.ui.forms import Form
from pennon.model import FlagKind, Json, Problem, Variation
from pennon.model.repeats import repeated_members

KINDS: Mapping[FlagKind, str] = {
    "boolean": "true or false",
    "string": "text",
    "number": "a number",
    "object": "JSON",
}
"""What the values of a flag may be, in words."""
MOST_ROWS = 100
_FEWEST_ROWS = 3
_VARIATION = re.compile(r"variations/(\d+)(?:/(\w+))?.*")


def form_of(definition: FlagDefinition) -> Form:
    """Return the fields that a page shows of *definition*."""
    fields = [
        ("flag", definition.key),
        ("version", str(definition.version)),
        ("kind", definition.kind),
        ("name", definition.name),
        ("description", definition.description),
        ("tags", _joined(definition.tags)),
        ("owner", definition.owner),
        ("lifetime", definition.lifetime),
        ("expectedRemoval", definition.expected_removal.isoformat() if definition.expected_removal else ""),
    ]
    if definition.client_side:
        fields.append(("clientSide", "on"))
    for row, variation in enumerate(definition.variations):
        fields.append((f"variation.{row}.key", variation.key))
        fields.append((f"variation.{row}.value", value_text(variation.value, definition.kind)))
    return Form(tuple(fields))


def definition_of(form: Form, before: FlagDefinition | None = None) -> FlagDefinition:
    """Return what the form says a flag is; what it does not show stays as it was *before*.

    Raises `Invalid` with the names of fields as paths.
    """
    kind = next((each for each in get_args(FlagKind) if each == form.raw("kind")), None)
    lifetime = next((each for each in get_args(Lifetime) if each == form.raw("lifetime")), None)
    if kind is None or lifetime is None:
        raise Invalid.at("/kind" if kind is None else "/lifetime", "is none that there is", "choose one")
    tags = tuple(dict.fromkeys(filter(None, (each.strip() for each in form.raw("tags").split(",")))))
    if before is not None and form.raw("tags") == _joined(before.tags):
        tags = before.tags  # one of them may have a comma in it
    return msgspec.structs.replace(
        before or FlagDefinition(key=form.text("flag")),
        kind=kind,
        variations=tuple(_variation(form, row, kind) for row in filled_rows(form)),
        name=form.text("name"),
        description=form.raw("description").strip(),
        tags=tags,
        owner=form.text("owner"),
        lifetime=lifetime,
        expected_removal=_day(form),
        client_side=form.has("clientSide"),
    )


def rows(form: Form) -> int:
    """Return how many rows for variations the page shows: as many as were sent, two free ones, more when asked for."""
    shown = max([_FEWEST_ROWS, *(row + 1 for row in _sent_rows(form)), *(row + 2 for row in filled_rows(form))])
    return min(shown + (2 if form.has("more") else 0), MOST_ROWS)


def filled_rows(form: Form) -> list[int]:
    """Return the numbers of the rows in which something was written."""
    return [
        row
        for row in _sent_rows(form)
        if form.text(f"variation.{row}.key") or form.raw(f"variation.{row}.value").strip()
    ]


def _sent_rows(form: Form) -> list[int]:
    named = (re.fullmatch(r"variation\.([0-9]{1,2})\.key", name) for name, _ in form.fields)
    return sorted({int(match[1]) for match in named if match})


def beside_fields(problems: Iterable[Problem], form: Form) -> tuple[dict[str, Problem], list[Problem]]:
    """Return *problems* by the field that each is of, and those that are of none of the form's."""
    filled = filled_rows(form)
    placed: dict[str, Problem] = {}
    others = []
    for problem in problems:
        path = problem.path.lstrip("/")
        if (match := _VARIATION.fullmatch(path)) and int(match[1]) < len(filled):
            placed.setdefault(f"variation.{filled[int(match[1])]}.{match[2] or 'key'}", problem)
        elif path.startswith("variation.") or path.partition("/")[0] in _FIELDS:
            placed.setdefault(path if path.startswith("variation.") else _FIELDS[path.partition("/")[0]], problem)
        else:
            others.append(problem)
    return placed, others


_FIELDS = {
    **{name: name for name in ("kind", "name", "description", "tags", "owner", "lifetime", "expectedRemoval")},
    "key": "flag",
    "flag": "flag",
}


def _variation(form: Form, row: int, kind: FlagKind) -> Variation:
    field = f"variation.{row}.value"
    return Variation(form.text(f"variation.{row}.key"), value_of(form.raw(field), kind, field))


def value_of(text: str, kind: FlagKind, field: str) -> Json:
    """Return the value of a flag that was typed into *field*. Raises `Invalid` with its name as path."""
    if kind == "string":
        return text
    try:
        value: Json = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        mend = {"boolean": "write true or false", "number": "write it as in 12.5"}.get(kind, 'write it as in {"a": 1}')
        raise Invalid.at(f"/{field}", f"is not {KINDS[kind]}", mend) from error
    if problems := repeated_members(text):
        raise Invalid(problem.under(f"/{field}") for problem in problems)
    return value


def value_text(value: Json, kind: FlagKind) -> str:
    """Return a value of a flag as a field shows it."""
    if kind == "string" and isinstance(value, str):
        return value
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=2) if isinstance(value, dict | list) else text).decode()


def _day(form: Form) -> datetime.date | None:
    if not (text := form.text("expectedRemoval")):
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise Invalid.at("/expectedRemoval", f"{text!r} is no day", "write it as in 2027-01-31") from error


def _joined(tags: Iterable[str]) -> str:
    return ", ".join(tags)
