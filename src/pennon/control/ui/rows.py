"""Rows of a form that are added and taken away without scripts. A field is named as the API's pointer to it. Pure.

The buttons `add` and `take` name the list (`protection/freezes`) and the row (`protection/freezes/1`).
"""

from pennon.control.ui.forms import Form

_MOST_DIGITS = 3


def row_count(form: Form, name: str) -> int:
    """Return how many rows a list has."""
    numbers = (_number(field, name) for field, _ in form.fields)
    return max((number for number in numbers if number is not None), default=-1) + 1


def reshaped(form: Form) -> Form | None:
    """Return *form* with one row more or less, if that is what its button asks for."""
    if name := form.text("add"):
        fields = (*form.fields, (f"{name}/{row_count(form, name)}/row", ""))
    elif row := form.text("take"):
        fields = _without(form, row)
    else:
        return None
    return Form(tuple(field for field in fields if field[0] not in {"add", "take"}))


def _without(form: Form, row: str) -> tuple[tuple[str, str], ...]:
    name = row.rpartition("/")[0]
    if (gone := _number(row, name)) is None:
        return form.fields
    kept = []
    for field, value in form.fields:
        number = _number(field, name)
        if number is None or number < gone:
            kept.append((field, value))
        elif number > gone:
            rest = field[len(name) + 1 :].partition("/")[2]
            kept.append((f"{name}/{number - 1}/{rest}", value))
    return tuple(kept)


def _number(field: str, name: str) -> int | None:
    """Return of which row of the list *name* a field is."""
    if not field.startswith(f"{name}/"):
        return None
    digits = field[len(name) + 1 :].partition("/")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS else None
