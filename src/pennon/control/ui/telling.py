"""How a page tells what a command refused: on top, and beside the fields of its form."""

import re
from typing import Any

from pennon.control.errors import Invalid, PennonError
from pennon.control.ui.failures import problems_of, sentence, title_of

_INDEX = re.compile(r"(?<=[a-z])/\d+$")


def told(error: PennonError | None) -> dict[str, Any]:
    """Return what a template needs of *error*: `failed` and `problems` for the top, `beside` by the names of fields.

    A problem of one value of a field that has several stands beside that field.
    """
    if error is None:
        return {"failed": None, "problems": (), "beside": {}}
    problems = problems_of(error)
    beside = {_INDEX.sub("", each.path.lstrip("/")): each for each in problems}
    text = "Nothing was changed." if isinstance(error, Invalid) else sentence(error)
    return {"failed": {"title": title_of(error)[1], "text": text}, "problems": problems, "beside": beside}


def status_for(error: PennonError | None) -> int:
    """Return the status of a page that tells *error*, or none."""
    return 200 if error is None else title_of(error)[0]


def reason(text: str) -> str:
    """Return why somebody did something, as the log takes it."""
    return text.replace("\n", " ")[:2000]
