"""Sends pages compressed to who takes them so. RFC 9110, `Content-Encoding`."""

from collections.abc import Mapping

from litestar.datastructures import Headers

from pennon.stream.codings import Coding, NothingFits, chosen, compressed

VARIES: Mapping[str, str] = {"Vary": "Accept-Encoding"}
_WORTH_IT = 1000
"""Bytes of what is sent in one packet anyway."""


def coding_for(headers: Headers) -> Coding | None:
    """Return how to compress for who asks, None for not at all: also for who rules that out and everything else."""
    try:
        return chosen(headers.get("accept-encoding"))
    except NothingFits:
        return None


def packed(body: bytes, headers: Headers) -> tuple[bytes, Mapping[str, str]]:
    """Return *body* as who sent *headers* takes it best, and the headers that say so. Some milliseconds for a page."""
    coding = coding_for(headers) if len(body) >= _WORTH_IT else None
    if coding is None:
        return body, VARIES
    return compressed(body, coding), {**VARIES, "Content-Encoding": coding}
