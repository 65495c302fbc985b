"""How a plan is shown: what would change, flag by flag, and what those who apply it have to know."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from rich.text import Text

from pennon.cli import output

Item: TypeAlias = Mapping[str, Any]
MOST = 200
"""So many items are shown to people; JSON has all."""
_NAMED = 10
_MARKS = {"created": ("+", "green"), "changed": ("~", "yellow"), "deleted": ("-", "red")}
_PARTS = ("segment", "layer")


def show(plan: Mapping[str, Any], where: str, *, prune: bool) -> None:
    """Print a plan: what would change, then what would not and why, last in how many items."""
    groups = list(_groups(plan))
    for (kind, key, place), items in groups[:MOST]:
        _heading(_what(kind, items), f"{kind} {key}" + (f" in {place}" if place else ""))
        for line in dict.fromkeys(_lines(kind, key, items)):
            output.say(f"    {_one_line(line)}")
    if len(groups) > MOST:
        output.note(f"… and {len(groups) - MOST} more; --json lists all")
    if groups:
        output.say("")
    for environment, warnings in plan["warnings"].items():
        for warning in warnings[:MOST]:
            said = f"warning: {environment}{warning['path']}: {warning['message']} [{warning['code']}]"
            output.note(_one_line(said))
    _aside(plan, prune=prune)
    _turned_off(plan["turnedOff"])
    _drifted(plan["drift"])
    counts = Counter(_what(kind, items) for (kind, _, _), items in groups)
    if not groups:
        but = ", but for what was turned off" if plan["turnedOff"] else ""
        output.done(f"{where} is as the files say{but}: nothing to change")
        return
    told = ", ".join(f"{counts[what]} {what}" for what in _MARKS if counts[what])
    output.say(f"In {where} it would change {len(groups)} item{'s' if len(groups) > 1 else ''}: {told}.")


def drift(plan: Mapping[str, Any], where: str) -> None:
    """Print what others changed since files were applied last."""
    if plan["drift"]:
        _drifted(plan["drift"])
    else:
        output.done(f"nobody changed {where} since its files were applied last")


def turned_off(plan: Mapping[str, Any], turn_on: Iterable[str]) -> list[str]:
    """Return the flags that would be turned on again without anybody saying so, each once."""
    said = frozenset(turn_on)
    return list(dict.fromkeys(each["flag"] for each in plan["turnedOff"] if each["flag"] not in said))


def _groups(plan: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], list[tuple[str, Item]]]]:
    """Yield flags, then segments and layers, with what becomes of them where. The project's name is empty."""
    found: dict[tuple[str, str, str], list[tuple[str, Item]]] = {}
    placed = [("", item) for item in plan["definitions"]]
    placed += [(environment, item) for environment, items in plan["environments"].items() for item in items]
    for environment, item in placed:
        is_part = item["kind"] in _PARTS
        name = (item["kind"] if is_part else "flag", item["key"], environment if is_part else "")
        found.setdefault(name, []).append((environment, item))
    yield from sorted(found.items(), key=lambda group: _PARTS.index(group[0][0]) if group[0][0] in _PARTS else -1)


def _what(kind: str, items: Iterable[tuple[str, Item]]) -> str:
    whole = [item["change"] for environment, item in items if not environment or kind in _PARTS]
    return whole[0] if whole and whole[0] in _MARKS else "changed"


def _lines(kind: str, key: str, items: Iterable[tuple[str, Item]]) -> Iterator[str]:
    for environment, item in items:
        place = "" if kind in _PARTS or not environment else f"{environment}: "
        for sentence in item["sentences"] or (f"{item['kind']} {key} {item['change']}",):
            said = sentence.removeprefix("definition of ").removeprefix(f"{kind} {key}").removeprefix(":").strip(" ,")
            if said not in _MARKS and not (kind in _PARTS and said == item["change"]):
                yield place + said.removeprefix("created, ")


def _heading(what: str, text: str) -> None:
    mark, colour = _MARKS[what]
    output.console().print(Text(f"{mark} ", style=f"bold {colour}") + Text(text, style="bold"))


def _turned_off(kills: Iterable[Mapping[str, Any]]) -> None:
    for kill in kills:
        by = kill["by"]
        who = f"by {by['actor']['name']} on {_time(by)}, in revision {by['revision']}" if by else "and left off since"
        why = f" ({by['why']})" if by and by["why"] else ""
        said = f"{kill['flag']} was turned off in {kill['environment']} {who}{why}, and the files have it on."
        output.console().print(Text("! ", style="bold red") + Text(_one_line(said)))


def _drifted(drift: Mapping[str, Iterable[Item]]) -> None:
    told: set[tuple[str, str]] = set()
    for environment, items in drift.items():
        for item in items:
            name = item["kind"], item["key"]
            if item["kind"] == "definition" and name in told:
                continue  # it is the project's, and told with its first environment
            told.add(name)
            place = "" if item["kind"] == "definition" else f"{environment}: "
            who = ", ".join(dict.fromkeys(f"{by['actor']['name']} in revision {by['revision']}" for by in item["by"]))
            for sentence in item["sentences"]:
                said = Text(_one_line(place + sentence)) + Text(_one_line(f" ({who})"), style="dim")
                output.console().print(Text("≠ ", style="bold magenta") + said)


def _aside(plan: Mapping[str, Any], *, prune: bool) -> None:
    absent = [_name(each) for each in plan["notInFiles"]]
    why = "the files do not speak of all environments" if prune else "--prune deletes it"
    if absent:
        output.note(f"In Pennon and not in the files, left as it is ({why}): {_listing(absent)}")
    unsaid = [_name(each) for each in plan["leftAsIs"]]
    if unsaid:
        output.note(f"The files do not say what becomes of it, so it is left as it is: {_listing(unsaid)}")


def _one_line(text: str) -> str:
    """Return *text* on one line: the log of a job obeys some lines, and what others wrote begins none."""
    return re.sub(r"\s*\n\s*", " ", text)


def _time(by: Mapping[str, Any]) -> str:
    return f"{datetime.datetime.fromisoformat(by['time']).astimezone():%Y-%m-%d %H:%M}"


def _name(each: Mapping[str, Any]) -> str:
    return f"{each['kind']} {each['key']}" + (f" in {each['environment']}" if each["environment"] else "")


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
