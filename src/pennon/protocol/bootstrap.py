"""What a page is told of the client-side flags, so that its first paint is right: the document, safe in HTML. Pure.

A server answers it, and an SDK makes it in its own process: for one context they say the same.
"""

from collections.abc import Iterable, Mapping

import msgspec

from pennon.model import ErrorCode, Evaluation, Position, Reason

TTL_S = 300
"""For how long a page may go on with what it was told without asking again, unless told otherwise."""

_UNSAFE = (b"<", b">", b"&", "\u2028".encode(), "\u2029".encode())
_encode = msgspec.json.Encoder().encode


def embeddable(document: bytes) -> bytes:
    """Return the JSON *document* as JSON that means the same and ends no script element, comment or section of a page.

    The five characters are in no part of JSON but its strings, where an escape stands for the character. The two line
    separators were no JavaScript once, and still are none for old readers.
    """
    for character in _UNSAFE:
        document = document.replace(character, b"\\u%04x" % ord(character.decode()))
    return document


def entry(evaluation: Evaluation) -> dict[str, object]:
    """Return what the page is told of a flag. There is no `value` where the caller's default is to be used."""
    if evaluation.reason is Reason.ERROR:
        code = evaluation.error_code or ErrorCode.GENERAL
        told: dict[str, object] = {"variation": None, "reason": evaluation.reason, "errorCode": code}
    else:
        told = {"variation": evaluation.variation, "reason": evaluation.reason}
        # An override in a process has a value and no variation.
        if evaluation.variation is not None or evaluation.value is not None:
            told["value"] = evaluation.value
    if evaluation.rule_id is not None:
        told["ruleId"] = evaluation.rule_id
    if evaluation.flag_version is not None:
        told["flagVersion"] = evaluation.flag_version
    return told


def document(
    flags: Iterable[tuple[str, Evaluation]],
    *,
    environment: str,
    position: Position,
    flags_version: str,
    ttl_s: int = TTL_S,
) -> bytes:
    """Return the document without its age: the same bytes for as long as nothing in it changes."""
    told = {key: _told(evaluation) for key, evaluation in flags}
    head: Mapping[str, object] = {
        "environment": environment,
        "revision": str(position),
        "flagsVersion": flags_version,
        "ttl": ttl_s,
        "flags": told,
    }
    return embeddable(_encode(head))


def aged(document: bytes, *, age_s: float, at_ms: int) -> bytes:
    """Return *document* with how old the state was that it tells of, and when that was."""
    return b'%b,"age":%.3f,"at":%d}' % (document[:-1], age_s, at_ms)


def flags_version(revision: int, client_digest: str) -> str:
    """Return the flags version of a state, by the digest of its client projection."""
    return f"v{revision}_{client_digest[:8]}"


def _told(evaluation: Evaluation) -> msgspec.Raw:
    """Return the entry of one flag. A value that is no JSON, which an application may have given, harms no other."""
    try:
        return msgspec.Raw(_encode(entry(evaluation)))
    except (TypeError, ValueError, RecursionError):
        broken = Evaluation(value=None, variation=None, reason=Reason.ERROR, error_code=ErrorCode.GENERAL)
        return msgspec.Raw(_encode(entry(broken)))
