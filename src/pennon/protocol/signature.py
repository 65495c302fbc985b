"""Signatures of targeting keys, which client keys may demand: nobody asks then as somebody else. Pure."""

import hashlib
import hmac

from pennon.bucketing import well_formed

SIGNATURE_HEADER = "X-Pennon-Signature"


def targeting_key_signature(secret: str, key: str) -> str:
    """Return the signature of the targeting *key*, which its page sends along: HMAC-SHA256 in 64 hex digits.

    *secret* is the signing secret of the client key. It never leaves your server: who has it can ask as anybody.
    """
    return hmac.new(secret.encode(), well_formed(key).encode(), hashlib.sha256).hexdigest()


def is_signature(signature: str, secret: str, key: str) -> bool:
    """Whether *signature* is that of the targeting *key*. How long it takes tells nothing of the right one."""
    return hmac.compare_digest(signature.encode(), targeting_key_signature(secret, key).encode())
