"""Tokens for the notify stream: they sit in a URL, so they open nothing else and die within twenty minutes.

A token is signed with the hash of the key that it stands for. Every node that knows the key can check it, so it needs
no secret of its own, survives restarts, goes to any node of a tree, and dies with the key. The hash is known to nodes
and to the holder of the key, who gains nothing by forging one.
"""

import base64
import binascii
import hashlib
import hmac
import struct

_BODY = struct.Struct(">8sI")
_MAC_BYTES = 16


def reference(key_hash: str) -> bytes:
    """Return what names a key in a token without telling its hash."""
    return hashlib.sha256(b"pennon notify " + key_hash.encode()).digest()[:8]


def issue(key_hash: str, now: float, lifetime_s: int) -> str:
    """Return a token that is good for *lifetime_s* at least.

    It is the same one for that long, for it is part of an answer whose tag must hold while nothing changes.
    """
    expires = (int(now) // lifetime_s + 2) * lifetime_s
    body = _BODY.pack(reference(key_hash), expires)
    return base64.urlsafe_b64encode(body + _mac(key_hash, body)).rstrip(b"=").decode()


def claimed(token: str) -> bytes | None:
    """Return the reference of the key that *token* says it is of, None where it is no token."""
    body = _decoded(token)
    return None if body is None else body[:8]


def is_good(token: str, key_hash: str, now: float) -> bool:
    """Whether *token* was issued for this key and is not past its time."""
    raw = _decoded(token)
    if raw is None:
        return False
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    named, expires = _BODY.unpack(body)
    is_signed = hmac.compare_digest(mac, _mac(key_hash, body))
    return is_signed and named == reference(key_hash) and now < expires


def _mac(key_hash: str, body: bytes) -> bytes:
    return hmac.digest(key_hash.encode(), body, "sha256")[:_MAC_BYTES]


def _decoded(token: str) -> bytes | None:
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == _BODY.size + _MAC_BYTES else None
