"""The environment whole, or what is missing: `GET /sdk/v1/snapshot` and `GET /sdk/v1/environments`."""

import msgspec

from pennon.model import Position
from pennon.protocol.heads import to_header
from pennon.stream.admission import Later
from pennon.stream.calls import Call
from pennon.stream.codings import Coding, NothingFits, available, chosen
from pennon.stream.http import JSON, Answer, Headers, Refusal
from pennon.stream.shelf import Document, Packed

_PRIVATE = ("cache-control", "private, no-cache")
_VARY = ("vary", "Accept-Encoding, Authorization, X-API-Key")
_LARGE = 64 * 1024
"""What is not larger fits into the kernel's buffers, and needs no leave to be sent."""


async def answer_snapshot(call: Call) -> Answer:
    """Return the snapshot in the key's projection, or the delta from `?since=`, or that nothing is new."""
    hub, since = call.environment.hub, call.since()
    etag = hub.etag(call.projection)
    headers: Headers = (*_said(call), ("etag", etag), _PRIVATE, _VARY)
    if since is not None and call.projection == "server" and hub.position is not None:
        call.environment.census.polled(max(since, hub.position), call.now)
    body = None if call.request.matches(etag) else hub.document(call.projection, since)
    if body is None:
        heads = hub.heads(call.projection)
        return Answer(304, b"", (*headers, ("x-pennon-heads", to_header(heads))) if heads else headers)
    step = "" if hub.is_whole(call.projection, body) else str(since)
    return await answer_document(call, call.projection, body, headers, since=step)


def packed_at_once(call: Call) -> tuple[Document, Coding, Packed] | None:
    """Return the snapshot if it lies in a file, compressed as the client takes it, and may go out now; else None."""
    line = call.request.headers.line
    if call.request.query or line(b"if-none-match") is not None:
        return None
    try:
        coding = chosen(call.request.headers.get("accept-encoding"))
    except NothingFits:
        return None
    if coding is None:
        return None
    document = _described(call, call.projection, "")
    packed = call.node.documents.kept(document, coding)
    if packed is None or packed.file is None or not call.node.admission.has_room(len(packed)):
        return None
    return document, coding, packed


def snapshot_at_once(call: Call, _document: Document, coding: Coding, packed: Packed) -> Answer:
    """Return the answer with what `packed_at_once` has found. Raises `Refusal`."""
    etag = call.environment.hub.etag(call.projection)
    return sent_whole(call, packed, _coded((*_said(call), ("etag", etag), _PRIVATE, _VARY), coding))


def _said(call: Call) -> Headers:
    """Return where the answer stands, and what pages call that: who evaluates for them need not know their digest."""
    return (*call.standing(), ("x-pennon-flags-version", call.environment.flags_version("client")))


async def answer_document(call: Call, kind: str, body: bytes, headers: Headers, *, since: str = "") -> Answer:
    """Return *body*, a document of the environment, as the client takes it. Raises `Refusal`.

    Only what is a step from *since* is for anybody at any time: it is small. Of the rest so much goes out at once.
    """
    coding = _coding(call, body)
    packed = Packed(body)
    if coding is not None:
        packed = await call.node.documents.packed(_described(call, kind, since), body, coding)
        headers = _coded(headers, coding)
    if since or len(packed) <= _LARGE or call.request.method == "HEAD":
        return Answer(200, packed.body, (JSON, *headers))
    return sent_whole(call, packed, headers)


def sent_whole(call: Call, packed: Packed, headers: Headers = ()) -> Answer:
    """Return *packed* as an answer that holds a leave until it is sent. Raises `Refusal` where there is none now."""
    ticket = call.node.admission.try_enter(len(packed))
    if isinstance(ticket, Later):
        wait = (("retry-after", str(ticket.retry_after_s)),)
        raise Refusal(503, "Too many snapshots", "many ask for everything at once: come back", headers=wait)
    return Answer(200, packed.body, (JSON, *headers), file=packed, sent=ticket.leave)


def _coded(headers: Headers, coding: Coding) -> Headers:
    # Other bytes than those that the tag was made for, so it is a weak one here.
    weak = tuple((name, f"W/{value}" if name == "etag" else value) for name, value in headers)
    return (("content-encoding", coding), *weak)


def _described(call: Call, kind: str, since: str) -> Document:
    hub = call.environment.hub
    heads = "".join(head.signature for head in hub.heads(call.projection))
    return Document(
        environment=call.environment.name,
        kind=kind,
        since=since,
        position=hub.position or Position(0, 0),
        edition=f"{hub.digest(call.projection)} {heads}",
    )


def _coding(call: Call, body: bytes) -> Coding | None:
    try:
        coding = chosen(call.request.headers.get("accept-encoding"))
    except NothingFits as error:
        codings = ", ".join(available())
        detail = f"of identity, {codings} at least one must be acceptable"
        raise Refusal(406, "No acceptable coding", detail, headers=(("accept-encoding", codings),)) from error
    return None if len(body) < call.node.settings.gzip_bytes else coding


class _Listed(msgspec.Struct, frozen=True, rename="camel"):
    key: str
    epoch: int
    revision: int
    age: float
    client_rules: bool


async def answer_environments(call: Call) -> Answer:
    """Return the environments that the key opens, and where each stands.

    `complete`: there are no others, as far as the node can tell; an edge node leaves those that are gone.
    """
    await call.node.look()
    listed = []
    is_complete = call.node.is_complete
    for name in sorted(call.access.records):
        environment = call.node.environments.get(name)
        if environment is None or (position := environment.position) is None:
            continue
        age = round(environment.hub.age(call.now), 3)
        client_rules = await call.node.allows_client_rules(name)
        listed.append(_Listed(name, position.epoch, position.revision, age, client_rules))
    body = msgspec.json.encode({"environments": listed, "complete": is_complete})
    return Answer(200, body, (JSON, ("cache-control", "no-store")))
