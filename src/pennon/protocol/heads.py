"""Signed heads: the bytes that are signed, and which heads belong to a state. See spec/sync.md.

No cryptography is here: who signs and who verifies is given these bytes.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from pennon.model import DECODE_ERRORS, Head, Position, Rotation
from pennon.protocol.frames import LARGEST_INTEGER
from pennon.protocol.projection import PROJECTIONS

Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Says whether a signature is that of a message by a key: `verify(public_key, message, signature)`, all raw bytes."""

SCHEME = "ed25519:"
"""What the text of a public key begins with; its 32 bytes follow in base64 with `-` and `_`, without `=`."""
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MOST_ROTATIONS = 16
"""A longer chain is not followed: nobody rotates so often, and each step costs a verification."""

_HEAD = "pennon:head:1"
_ROTATION = "pennon:rotation:1"
_HEADS_DECODER = msgspec.json.Decoder(tuple[Head, ...])
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ROOT = re.compile(r"[0-9a-f]{64}")


def encoded(data: bytes) -> str:
    """Return *data* as keys and signatures are written."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str, size: int) -> bytes | None:
    """Return the *size* bytes that are written as *text*; None for any other text, another spelling of them too."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if len(data) == size and encoded(data) == text else None


def key_text(public_key: bytes) -> str:
    """Return a public key as it is configured and as heads name it."""
    return SCHEME + encoded(public_key)


def key_bytes(text: str) -> bytes | None:
    """Return the public key that is written as *text*; None if it is none."""
    return decoded(text.removeprefix(SCHEME), KEY_BYTES) if text.startswith(SCHEME) else None


def statement(head: Head) -> bytes | None:
    """Return the bytes of *head* that are signed; None where it says what no head may say."""
    numbers = (head.epoch, head.revision, head.time)
    if not all(0 <= number <= LARGEST_INTEGER for number in numbers) or _ROOT.fullmatch(head.root) is None:
        return None
    return _lines(_HEAD, head.environment, head.projection, *map(str, numbers), head.root)


def rotation_statement(rotation: Rotation) -> bytes | None:
    """Return the bytes of *rotation* that are signed, by its `from`; None where it says what no rotation may say."""
    if not 0 <= rotation.time <= LARGEST_INTEGER:
        return None
    return _lines(_ROTATION, rotation.from_, rotation.to, str(rotation.time))


def signed(head: Head, sign: Callable[[bytes], bytes]) -> Head:
    """Return *head* with its signature. Raises `ValueError` for what no head may say."""
    if (message := statement(head)) is None:
        raise ValueError(f"no head can be signed for {head.environment!r} at {head.epoch}.{head.revision}")
    return msgspec.structs.replace(head, signature=encoded(sign(message)))


def signed_rotation(rotation: Rotation, sign: Callable[[bytes], bytes]) -> Rotation:
    """Return *rotation* with its signature. Raises `ValueError` for what no rotation may say."""
    if (message := rotation_statement(rotation)) is None:
        raise ValueError(f"no rotation can be signed at {rotation.time}")
    return msgspec.structs.replace(rotation, signature=encoded(sign(message)))


def to_header(heads: Iterable[Head]) -> str:
    """Return *heads* as the header `X-Pennon-Heads` of an answer without a body has them."""
    return encoded(msgspec.json.encode(tuple(heads)))


def from_header(text: str) -> tuple[Head, ...]:
    """Return the heads that a header has; none where it makes no sense."""
    try:
        return _HEADS_DECODER.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, *DECODE_ERRORS):
        return ()


def fitting(heads: Iterable[Head], environment: str, position: Position) -> tuple[Head, ...]:
    """Return those of *heads* that are of exactly this state, one a projection, in the order of their names.

    Of projections that are not known here, none: a sender could make up any number of them.
    """
    return merged((), (head for head in heads if _is_of(head, environment, position)))


def merged(known: Iterable[Head], later: Iterable[Head]) -> tuple[Head, ...]:
    """Return one head a projection: what came *later* takes the place of what was *known*."""
    by_projection = {head.projection: head for heads in (known, later) for head in heads}
    return tuple(by_projection[projection] for projection in sorted(by_projection))


def _is_of(head: Head, environment: str, position: Position) -> bool:
    here = position.epoch, position.revision
    return head.projection in PROJECTIONS and head.environment == environment and (head.epoch, head.revision) == here


def _lines(*fields: str) -> bytes | None:
    # What no field can hold parts them, so that two different statements are never the same bytes.
    if any(_CONTROL.search(field) for field in fields):
        return None
    try:
        return "\n".join(fields).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return None
