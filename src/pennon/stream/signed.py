"""Signed targeting keys: whom a client key may demand to be sure of before flags are evaluated for them."""

from collections.abc import Mapping
from typing import Any

from pennon.protocol.signature import SIGNATURE_HEADER, is_signature
from pennon.stream.calls import Call
from pennon.stream.http import Refusal

_HEADER = SIGNATURE_HEADER.lower().encode()
_CHALLENGE = (("www-authenticate", 'Bearer realm="pennon"'),)
_MEND = (
    f"send {SIGNATURE_HEADER}: the HMAC-SHA256 of the targeting key by the key's signing secret, in hex, "
    "made on your server: see docs/how-to/signed-targeting-keys.md"
)


def require_signature(call: Call, context: Mapping[str, Any]) -> None:
    """Refuse a *context* whose targeting key is not signed where the caller's key demands it. Raises `Refusal`, 401.

    One without a targeting key claims to be nobody.
    """
    secret = call.access.records[call.environment.name].signing_secret
    if not secret or (key := context.get("targetingKey")) is None:
        return
    presented = call.request.headers.line(_HEADER)
    if presented is None:
        raise _refused(f"the client key demands that the targeting key is signed: {_MEND}")
    if not isinstance(key, str) or not is_signature(presented.decode("latin-1"), secret, key):
        raise _refused(f"the signature is not that of the targeting key: {_MEND}")


def demands_signature(call: Call) -> bool:
    """Whether the caller's key demands signatures."""
    return bool(call.access.records[call.environment.name].signing_secret)


def _refused(detail: str) -> Refusal:
    return Refusal(401, "Targeting key not signed", detail, headers=_CHALLENGE, code="INVALID_CONTEXT")
