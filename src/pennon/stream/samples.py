"""Samples the contexts of requests that this node evaluates flags for, where it is told to: browsers, OFREP providers.

SDKs that evaluate themselves send a sample of their own. It is the same one, drawn by the same hashes, so it does not
matter who has seen whom.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pennon.engine.attributes import without
from pennon.events import EventBatch, Sampler
from pennon.model import DECODE_ERRORS
from pennon.protocol import Projection
from pennon.stream.calls import Call

_PRIVACY_CONTROL = b"sec-gpc"
_TARGETING_KEY = "targetingKey"


class _Body(msgspec.Struct, frozen=True):
    private: bool | list[str] = False
    """What of the context may be in no sample: these attributes, or all of it."""


_BODIES = msgspec.json.Decoder(_Body)


def sample(call: Call, context: Mapping[str, Any], body: bytes) -> None:
    """Take *context*, of a request with this *body*, if it belongs to the sample. Never raises."""
    sampler = call.environment.report.sampler
    if sampler is not None and sampler.pace.wants():
        _look(call, sampler, context, body)


def believed(call: Call, batch: EventBatch, projection: Projection) -> EventBatch:
    """Return *batch*, of who sees *projection*, with the contexts that are taken, without what is private here.

    Those of client keys are not, unless the node is told to: who has one could make them up, and so what a change is
    said to do.
    """
    if not batch.contexts:
        return batch
    if projection == "client" and not _believes_all(call):
        return msgspec.structs.replace(batch, contexts=())
    private = call.node.settings.private_attributes
    if not private:
        return batch
    cut = (msgspec.structs.replace(each, context=without(each.context, private)) for each in batch.contexts)
    return msgspec.structs.replace(batch, contexts=tuple(cut))


def _believes_all(call: Call) -> bool:
    return call.node.settings.sample_requests == "all-keys" and not _declines(call)


def _look(call: Call, sampler: Sampler, context: Mapping[str, Any], body: bytes) -> None:
    if _declines(call) or not (_believes_all(call) or _is_believed(call, context)):
        return
    if (private := _private(body)) is not None:
        sampler.look(context, private)


def _declines(call: Call) -> bool:
    """Whether the caller's browser says that its user wants no tracking: https://w3c.github.io/gpc/"""
    return call.request.headers.line(_PRIVACY_CONTROL) == b"1"


def _is_believed(call: Call, context: Mapping[str, Any]) -> bool:
    """Whether the caller is a server of ours, or shows that one has vouched for whom it asks."""
    if call.access.kind != "client":
        return True
    record = call.access.records[call.environment.name]
    return bool(record.signing_secret) and context.get(_TARGETING_KEY) is not None


def _private(body: bytes) -> Sequence[str] | None:
    """Return the attributes that a request wants in no sample, None where it wants to be in none at all."""
    if not body:
        return ()
    try:
        private = _BODIES.decode(body).private
    except DECODE_ERRORS:  # it says something that cannot be read: in doubt it is private
        return None
    if isinstance(private, bool):
        return None if private else ()
    return private
