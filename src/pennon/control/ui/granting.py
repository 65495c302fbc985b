"""Roles held somewhere, as rows of a form that works without scripts. Pure."""

import re
from collections.abc import Iterable

import msgspec

from pennon.control.access.permissions import Grant
from pennon.control.ui.forms import Form

EMPTY_ROWS = 2


class GrantRow(msgspec.Struct, frozen=True):
    """What one row holds, as it was typed. `project` empty: the whole installation."""

    role: str = ""
    project: str = ""
    environments: str = ""


def rows_of(grants: Iterable[Grant]) -> list[GrantRow]:
    """Return *grants* as rows."""
    return [GrantRow(each.role, each.project or "", ", ".join(each.environments)) for each in grants]


def typed_rows(form: Form) -> list[GrantRow]:
    """Return the rows of a form, without those that say nothing. Every row sends all three of its fields."""
    sent = zip(form.all("role"), form.all("project"), form.all("environments"), strict=False)
    rows = (GrantRow(*(each.strip() for each in fields)) for fields in sent)
    return [row for row in rows if row != GrantRow()]


def grants_of(rows: Iterable[GrantRow]) -> tuple[Grant, ...]:
    """Return what *rows* say, whether there is such a thing or not."""
    return tuple(
        Grant(role=row.role, project=row.project or None, environments=names(row.environments)) for row in rows
    )


def names(text: str) -> tuple[str, ...]:
    """Return the keys in a text, which stand apart by commas or blanks, each once."""
    return tuple(dict.fromkeys(each for each in re.split(r"[,\s]+", text) if each))


def place_text(grant: Grant) -> str:
    """Return where a role is held, in words."""
    if grant.project is None:
        return "in the whole installation"
    if not grant.environments:
        return f"in project {grant.project}"
    return f"in {' and '.join(f'{grant.project}/{each}' for each in grant.environments)}"
