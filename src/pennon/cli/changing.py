"""What every command that changes an environment does: one change of one or more edits, and what came of it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pennon.cli import output
from pennon.cli.connection import Server, known_login, scope
from pennon.cli.queue import make_surely


def make(  # what commands have in common
    edits: Sequence[Any],
    sentence: str,
    place: tuple[str | None, str | None],
    *,
    why: str = "",
    json: bool = False,
    queue: bool = False,
    break_glass: bool = False,
) -> None:
    """Make *edits* as one change in the project and environment of *place*, and print *sentence* when it is done.

    With *queue* it is kept and sent again until the server has decided; with *break_glass* it needs nothing of what
    the environment demands but a reason.
    """
    login = known_login()
    path, body = f"{scope(login, *place)}/changes", {"why": why, "edits": list(edits), "breakGlass": break_glass}
    if queue:
        made = make_surely(login, path, body, sentence, sleep=time.sleep)
    else:
        with Server(login) as server:
            made = server.send("POST", path, body)
    if json:
        output.as_json(made)
        return
    where = f"{place[0] or login.project}/{place[1] or login.environment}"
    if made["changed"]:
        output.done(f"{sentence} in {where} (revision {made['revision']})")
    else:
        output.done(f"{sentence} in {where}, as before: nothing was changed")
    show_warnings(made)


def show_warnings(made: Mapping[str, Any]) -> None:
    """Print what a change, or the preview of one, is warned of."""
    for warning in made.get("warnings") or ():
        output.note(f"warning: {warning['path']}: {warning['message']} [{warning['code']}]")
        output.note(f"  → {warning['mend']}")
