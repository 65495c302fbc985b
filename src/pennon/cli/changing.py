"""What every command that changes an environment does: one change of one or more edits, and what came of it."""

import time
from collections.abc import Sequence
from typing import Any

from pennon.cli import output
from pennon.cli.connection import Server, known_login, scope
from pennon.cli.previewing import show_broken_glass, show_preview, show_warnings
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
    preview: bool = False,
) -> None:
    """Make *edits* as one change in the project and environment of *place*, and print *sentence* when it is done.

    With *queue* it is kept and sent again until the server has decided; with *break_glass* it needs nothing of what
    the environment demands but a reason; with *preview* it is only said what it would change.
    """
    login = known_login()
    if preview:
        with Server(login) as server:
            found = server.send("POST", f"{scope(login, *place)}/changes/preview", {"edits": list(edits)})
        output.as_json(found) if json else show_preview(found)
        return
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
    show_broken_glass(made)
    show_warnings(made)
