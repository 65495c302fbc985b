"""Which files of LaunchDarkly's can be read, and where in them the flags and segments lie."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from pennon.importers.launchdarkly import rest
from pennon.importers.launchdarkly.details import Details
from pennon.importers.plan import ImportRefused, Note
from pennon.importers.recognition import looks_like
from pennon.model import DECODE_ERRORS, Json, Problem
from pennon.model.problems import decoding_problem, pointer
from pennon.model.repeats import repeated_members

VENDOR = "launchdarkly"
_SEND = "give what GET /sdk/latest-all answers, the stream's put, a relay's dump, or the REST API's flags"


class Located(NamedTuple):
    """A flag or a segment as it is in the file, and its place there."""

    path: str
    value: Json


class Document(NamedTuple):
    """The flags and segments of a file. `segments` is None where the file is of a kind that has none."""

    flags: Mapping[str, Located]
    segments: Mapping[str, Located] | None
    notes: tuple[Note, ...] = ()
    details: Mapping[str, Details] = {}


def refused(*problems: Problem) -> ImportRefused:
    """Return the refusal of a whole file."""
    return ImportRefused(VENDOR, problems)


def read_document(data: bytes, environment: str | None = None) -> Document:
    """Find the flags and segments of a file. *environment* picks one of a REST export. Raises `ImportRefused`."""
    try:
        document = msgspec.json.decode(data)
    except DECODE_ERRORS as error:
        raise refused(decoding_problem(error)) from error
    if repeated := repeated_members(data):
        raise refused(*repeated)
    if not isinstance(document, dict):
        raise refused(Problem("", "it is no JSON object", _SEND))
    for holds, reader in _FORMS:
        if holds(document):
            return reader(document, environment)
    raise refused(_unknown(data))


def _unknown(data: bytes) -> Problem:
    other = looks_like(data)
    what = "" if other in {None, VENDOR} else f": it looks like {other}'s"
    return Problem("", f"it has neither flags nor what else LaunchDarkly's files have{what}", _SEND)


# What SDKs poll for, what files hold that stand in for it


def _payload(document: dict[str, Any], _environment: str | None = None, prefix: str = "") -> Document:
    flags = _members(document, "flags", prefix)
    for name, located in flags.items():
        if isinstance(located.value, dict) and located.value.keys() & {"state", "defaultVariant"}:
            raise refused(Problem(located.path, "a flag with state or defaultVariant looks like flagd's", _SEND))
        if "environments" in (located.value if isinstance(located.value, dict) else ()):
            raise refused(Problem(located.path, f"{name} is as the REST API shows it", "give the answer as it came"))
    values = _members(document, "flagValues", prefix)
    twice = sorted(flags.keys() & values.keys())
    if twice:
        raise refused(Problem(values[twice[0]].path, f"{twice[0]!r} is a flag and a flag value", "keep one of them"))
    shorthand = {key: Located(located.path, _always(key, located.value)) for key, located in values.items()}
    others = sorted(document.keys() - {"flags", "flagValues", "segments"})
    notes = tuple(
        Note(prefix + pointer(name), f"{name} is left out: it is neither flags nor segments") for name in others
    )
    return Document({**flags, **shorthand}, _members(document, "segments", prefix), notes)


def _members(document: dict[str, Any], name: str, prefix: str) -> dict[str, Located]:
    found = document.get(name)
    if found is None:
        return {}
    path = prefix + pointer(name)
    if not isinstance(found, dict):
        raise refused(Problem(path, f"{name} is an object with a member for each key, which this is not", _SEND))
    return {key: Located(path + pointer(key), value) for key, value in found.items()}


def _always(key: str, value: Json) -> Json:
    return {"key": key, "version": 1, "on": True, "variations": [value], "fallthrough": {"variation": 0}}


# Messages of streams


def _put(document: dict[str, Any], environment: str | None) -> Document:
    data, path = document.get("data"), document.get("path")
    if path != "/" or not isinstance(data, dict):
        raise refused(Problem("/path", f"a patch or delete of {path!r} is no whole environment", "give a put, or poll"))
    return _payload(data, environment, "/data")


_KINDS = {"flag": "flags", "segment": "segments"}


def _events(document: dict[str, Any], _environment: str | None) -> Document:
    """Read the events of FDv2, `put-object` and the like, as polling answers them."""
    found: dict[str, dict[str, Located]] = {name: {} for name in _KINDS.values()}
    is_whole = False
    for index, event in enumerate(_list(document["events"], "/events")):
        path = pointer("events", index)
        name, data = (event.get("event"), event.get("data")) if isinstance(event, dict) else (None, None)
        if not isinstance(data, dict):
            raise refused(Problem(path, "an event has an event and data", _SEND))
        if name == "server-intent":
            is_whole = _is_whole(data, path)
        elif name in {"put-object", "delete-object"}:
            _store(found, data, path, is_put=name == "put-object")
        elif name not in {"payload-transferred", "heart-beat"}:
            raise refused(Problem(path + "/event", f"the event {name!r} is not known here", _SEND))
    if not is_whole:
        raise refused(Problem("/events", "no server-intent says that the payload is whole (xfer-full)", "poll anew"))
    return Document(found["flags"], found["segments"])


def _is_whole(data: dict[str, Any], path: str) -> bool:
    payloads = _list(data.get("payloads"), path + "/data/payloads")
    codes = [payload.get("intentCode") if isinstance(payload, dict) else None for payload in payloads]
    if codes != ["xfer-full"]:
        message = f"the payload is no whole environment: its intent is {', '.join(map(str, codes)) or 'none'}"
        raise refused(Problem(path + "/data/payloads", message, "poll without a basis"))
    return True


def _store(found: dict[str, dict[str, Located]], data: dict[str, Any], path: str, *, is_put: bool) -> None:
    kind, key = data.get("kind"), data.get("key")
    if kind not in _KINDS or not isinstance(key, str):
        raise refused(Problem(path + "/data", f"{kind!r} {key!r} is neither a flag nor a segment", _SEND))
    if is_put:
        found[_KINDS[kind]][key] = Located(path + "/data/object", data.get("object"))
    else:
        found[_KINDS[kind]].pop(key, None)


def _list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise refused(Problem(path, "it is no array", _SEND))
    return value


# The REST API


def _export(document: dict[str, Any], environment: str | None) -> Document:
    try:
        flags, details, notes = rest.sdk_flags(document, environment)
    except rest.Unfit as unfit:
        raise refused(*unfit.problems) from unfit
    return Document({key: Located(path, value) for key, (path, value) in flags.items()}, None, notes, details)


_FORMS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any], str | None], Document]], ...] = (
    (lambda document: isinstance(document.get("path"), str) and "flags" not in document, _put),
    (lambda document: "events" in document, _events),
    (rest.is_export, _export),
    (lambda document: bool({"flags", "flagValues"} & document.keys()) or set(document) == {"segments"}, _payload),
)
