"""Asks twice before nobody is left who can say who may do what. Pure."""

from collections.abc import Sequence

from pennon.control.access.people import Account
from pennon.control.errors import Conflict
from pennon.control.ui.forms import Form


class LastAdministrator(Conflict):
    """Nobody would be left who can say who may do what. It can be done though, by whoever says that it is meant."""


def require_somebody(before: Sequence[Account], after: Sequence[Account], form: Form) -> None:
    """Raise `LastAdministrator` if none are left *after* it, some were *before*, and *form* does not mean it."""
    if after or not before or form.has("last"):
        return
    raise LastAdministrator(
        "nobody would be left who can say who may do what",
        mend="make somebody else administrator first, or tick the box below: only a token can change it then",
    )
