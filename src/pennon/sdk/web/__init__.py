"""Flags of a request: one context and one rule set, from the request's first evaluation to its last.

The frameworks' parts are modules of their own, so that none is imported that is not in use: `asgi` (FastAPI,
Starlette, Litestar), `wsgi`, `django`, `flask`, `celery`.
"""

from pennon.protocol.signature import targeting_key_signature
from pennon.sdk.outdated import Seen
from pennon.sdk.web.outdated import requires_flags
from pennon.sdk.web.scope import FlagsOutdated, NoRequest, RequestFlags, request_flags, serving

__all__ = [
    "FlagsOutdated",
    "NoRequest",
    "RequestFlags",
    "Seen",
    "request_flags",
    "requires_flags",
    "serving",
    "targeting_key_signature",
]
