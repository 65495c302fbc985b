"""Flags of a request: one context and one rule set, from the request's first evaluation to its last.

The frameworks' parts are modules of their own, so that none is imported that is not in use: `asgi` (FastAPI,
Starlette, Litestar), `wsgi`, `django`, `flask`, `celery`.
"""

from pennon.sdk.web.scope import NoRequest, RequestFlags, request_flags, serving

__all__ = ["NoRequest", "RequestFlags", "request_flags", "serving"]
