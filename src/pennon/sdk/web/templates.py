"""`pennon_bootstrap` in templates: the script element that carries what a page's first paint needs.

Jinja, in any framework:

    environment.globals["pennon_bootstrap"] = bootstrap_of(client)
    {{ pennon_bootstrap({"targetingKey": user.id}) }}
    {{ pennon_bootstrap(nonce=csp_nonce) }}        the request's own context, where a middleware serves one
"""

from collections.abc import Callable, Mapping
from typing import Any

from pennon.sdk._core import Core
from pennon.sdk.bootstrap import SafeHtml
from pennon.sdk.web.scope import request_flags


def bootstrap_of(client: Core | None = None) -> Callable[..., SafeHtml]:
    """Return the function for templates: of *client*, or of whichever serves the request.

    It takes a context, unless that of the request is meant, and a `nonce`.
    """

    def pennon_bootstrap(context: Mapping[str, Any] | None = None, *, nonce: str | None = None) -> SafeHtml:
        if context is None:
            return request_flags().bootstrap().script(nonce)
        asked = request_flags().client if client is None else client
        return asked.bootstrap(dict(context)).script(nonce)

    return pennon_bootstrap
