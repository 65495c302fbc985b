"""Prints what edits would change, and whom they would move, before anybody makes them."""

import datetime
from collections.abc import Mapping
from typing import Any

from pennon.cli import output


def show_preview(preview: Mapping[str, Any], *, indent: str = "") -> None:
    """Print a preview: what would be different, whom it would move, and what is to be thought of."""
    if not preview["changed"]:
        output.say(f"{indent}Nothing would change.")
    for item in preview["items"]:
        for sentence in item["sentences"] or (f"{item['kind']} {item['key']} is {item['change']}",):
            output.say(f"{indent}{sentence}")
    for environment, items in (preview.get("elsewhere") or {}).items():
        output.say(f"{indent}{len(items)} more in {environment}")
    show_moves(preview.get("moves"), indent=indent)
    show_warnings(preview)


def show_moves(moves: Mapping[str, Any] | None, *, indent: str = "") -> None:
    """Print whom a change would move, nothing where nobody knows."""
    if moves is None:
        return
    for each in moves["flags"]:
        output.say(f"{indent}flag {each['flag']}: {each['sentence']}")
    if moves["others"]:
        output.say(f"{indent}{moves['others']} more flags may answer otherwise")
    since = datetime.datetime.fromisoformat(moves["since"]).astimezone()
    output.note(f"{indent}(counted on the users that SDKs sampled since {since:%Y-%m-%d %H:%M})")
    if moves["unseen"]:
        names = ", ".join(moves["unseen"])
        output.note(f"{indent}none of them has {names}: SDKs send what rules ask for, and never what is private")


def show_warnings(made: Mapping[str, Any]) -> None:
    """Print what a change, or the preview of one, is warned of."""
    for warning in made.get("warnings") or ():
        output.note(f"warning: {warning['path']}: {warning['message']} [{warning['code']}]")
        output.note(f"  → {warning['mend']}")


def show_broken_glass(made: Mapping[str, Any]) -> None:
    """Print that a change, or what became one, was made without what its environment demands."""
    if made.get("breakGlass"):
        output.note("The glass was broken: the change log says by whom and why, and everybody is told.")
