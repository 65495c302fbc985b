"""Where a reader of the feed is, as the text that he comes back with: up to where he has seen each log. Pure.

Logs have no order among each other, so one number cannot say it. A log that is not named is new to the reader: it
counts from the time of the place.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from pennon.model import DECODE_ERRORS

LONGEST = 32 * 1024
"""It comes back in a header."""
_MOST_BYTES = 2**20
_Revision = Annotated[int, Meta(ge=0, le=2**53)]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """When it was, and the last revision of each log that the reader has seen, or may not see."""

    time: Annotated[datetime, Meta(tz=True)]
    logs: Mapping[str, _Revision]


_decoder = msgspec.json.Decoder(Place)


def text_of(place: Place) -> str:
    """Return *place* as an event's id."""
    return base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(place), 6)).decode().rstrip("=")


def place_of(text: str) -> Place:
    """Return the place that an id says. Raises `ValueError` for what is none."""
    if len(text) > LONGEST or not text.isascii():
        raise ValueError("not an id of the feed")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflating = zlib.decompressobj()
        plain = inflating.decompress(packed, _MOST_BYTES)
        if not inflating.eof:
            raise ValueError("not an id of the feed")
        found = _decoder.decode(plain)
        return Place(found.time.astimezone(UTC), found.logs)
    except (binascii.Error, zlib.error, OverflowError, *DECODE_ERRORS) as error:
        raise ValueError("not an id of the feed") from error
