"""The REST API's flags, `GET /api/v2/flags/{project}`, turned into what SDKs receive for one environment.

It has names and the flags' salts, but no segments with theirs: a flag that asks for a segment cannot be carried.
"""

from typing import Any, TypeAlias

from pennon.importers.launchdarkly.details import Details
from pennon.importers.plan import Note
from pennon.model import Json, Problem
from pennon.model.problems import pointer

Flags: TypeAlias = dict[str, tuple[str, Json]]

_CONFIGURATION = (
    "on", "salt", "version", "targets", "contextTargets", "rules", "fallthrough", "offVariation", "prerequisites",
    "trackEvents", "trackEventsFallthrough", "debugEventsUntilDate",
)  # fmt: skip


class Unfit(Exception):
    """An export that cannot be read."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def is_export(document: dict[str, Any]) -> bool:
    """Tell whether *document* is an answer of the REST API: a list of flags, or one."""
    listed = document.get("items")
    return isinstance(document.get("environments"), dict) or isinstance(listed, list)


def sdk_flags(document: dict[str, Any], environment: str | None) -> tuple[Flags, dict[str, Details], tuple[Note, ...]]:
    """Return the flags of one environment, their details, and notes. Raises `Unfit`."""
    listed = document.get("items")
    located = [("", document)] if not isinstance(listed, list) else [
        (pointer("items", index), item) for index, item in enumerate(listed)
    ]  # fmt: skip
    flags: Flags = {}
    details: dict[str, Details] = {}
    for path, item in located:
        if not isinstance(item, dict) or not isinstance(item.get("key"), str):
            raise Unfit(Problem(path, "a flag has a key, which this has not", "give the answer as it came"))
        name, block = _block(item, environment, path)
        at = path + pointer("environments", name)  # where nearly all of what is read lies
        flags[item["key"]] = (at, _flag(item, block, at))
        details[item["key"]] = _details(item)
    notes = [Note("/totalCount", "the export is a page of a longer list")] if _is_page(document, located) else []
    return flags, details, (*notes, Note("", "the REST API has no segments: flags that ask for one cannot be carried"))


def _is_page(document: dict[str, Any], located: list[tuple[str, Any]]) -> bool:
    total = document.get("totalCount")
    return isinstance(total, int) and total > len(located)


def _block(item: dict[str, Any], environment: str | None, path: str) -> tuple[str, dict[str, Any]]:
    blocks = item.get("environments")
    if not isinstance(blocks, dict) or not blocks:
        raise Unfit(Problem(path + "/environments", "the flag has no environments", "ask the API for one: ?env="))
    if environment is None and len(blocks) > 1:
        message = f"the export has the environments {', '.join(sorted(blocks))}"
        raise Unfit(Problem(path + "/environments", message, "name one: the option environment"))
    name = next(iter(blocks)) if environment is None else environment
    block = blocks.get(name)
    if not isinstance(block, dict):
        message = f"there is no environment {name!r} among {', '.join(sorted(blocks))}"
        raise Unfit(Problem(path + "/environments", message, "name another"))
    return name, block


def _flag(item: dict[str, Any], block: dict[str, Any], path: str) -> Json:
    if "fallthrough" not in block or "rules" not in block:
        raise Unfit(Problem(path, "the rules are left out of this export", "ask the API with summary=0"))
    variations = item.get("variations")
    if not isinstance(variations, list) or not all(isinstance(each, dict) for each in variations):
        raise Unfit(Problem(path, "the flag has no list of variations", "give the answer as it came"))
    return {
        "key": item["key"],
        "variations": [each.get("value") for each in variations],
        "clientSideAvailability": _availability(item.get("clientSideAvailability")),
        **{name: _plain(block[name]) for name in _CONFIGURATION if block.get(name) is not None},
    }


_NAMES = {"_id": "id"}
_SHOWN_ONLY = frozenset({"_links", "_key", "_access", "_maintainer", "ref", "description"})


def _plain(value: Json) -> Json:
    """Return configuration as SDKs receive it: ids without their underscore, nothing that is for people only."""
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if not isinstance(value, dict):
        return value
    if "op" in value and "values" in value:  # a clause: its literals are kept as they are, its id is not sent
        return {name: inner for name, inner in value.items() if name != "_id"}
    return {_NAMES.get(name, name): _plain(inner) for name, inner in value.items() if name not in _SHOWN_ONLY}


def _availability(shown: Json) -> Json:
    return shown if isinstance(shown, dict) else {}


def _details(item: dict[str, Any]) -> Details:
    tags = item.get("tags")
    return Details(
        name=_text(item.get("name")),
        description=_text(item.get("description")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        variations=tuple(_text(variation.get("name")) for variation in item["variations"]),
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
