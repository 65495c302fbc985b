"""Secrets and signatures of webhooks, as Standard Webhooks 1.0.0 has them (standardwebhooks.com): HMAC-SHA256 of
`id.timestamp.body`. Pure but for chance.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """Return a new random secret: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(keys: Iterable[str], identity: str, at: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of one attempt: which delivery it is, when it is made (epoch seconds), and signatures.

    While a secret is rotated there are several *keys*, and one signature by each.
    """
    signatures = " ".join(signature(key, identity, at, body) for key in keys)
    return {"webhook-id": identity, "webhook-timestamp": str(at), "webhook-signature": signatures}


def signature(secret: str, identity: str, at: int, body: bytes) -> str:
    """Return the signature of *body* by *secret*: `v1,` and its HMAC in base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    mac = hmac.new(key, b"%b.%d.%b" % (identity.encode(), at, body), hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()
