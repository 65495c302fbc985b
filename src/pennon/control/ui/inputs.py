"""What routes of pages take as parameters, beside what their paths name."""

import re
from typing import Annotated, Any, TypeAlias
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import PathParameter

from pennon.control.errors import NotFound
from pennon.control.ui.forms import Form, parsed
from pennon.control.ui.visitors import OPEN, Visitor, require_own_form

Named: TypeAlias = Annotated[str, PathParameter()]
"""A key that the path names: a route annotates its parameters `project` and `environment` with it."""
Numbered: TypeAlias = Annotated[int, PathParameter()]
"""A number that the path names."""
Sent: TypeAlias = NamedDependency[Form]
"""What a form sent: a route annotates its parameter `form` with it."""
LastKey: TypeAlias = NamedDependency[str]
"""The key with which a path ends, whatever is in it: a route annotates its parameter `last_key` with it."""


async def provide_form(request: Request[Any, Any, Any]) -> Form:
    """Return what the form sent that this request is. Raises `Forbidden` for one of no page of this session."""
    form = parsed(await request.body())
    if not request.route_handler.opt.get(OPEN):
        visitor: Visitor = request.user
        require_own_form(visitor, request, form)
    return form


def provide_last_key(request: Request[Any, Any, Any]) -> str:
    """Return the key with which the path ends, exactly as it was sent: imported keys may hold slashes anywhere."""
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    rest = raw
    for _ in range(request.scope["path_template"].strip("/").count("/")):
        rest = rest.lstrip(b"/").partition(b"/")[2]
    key = unquote_to_bytes(rest).decode(errors="replace")
    if not key or len(key) > 256 or re.search(r"[\x00-\x1f\x7f]", key):
        raise NotFound("item", key[:64])
    return key
