"""The two kinds of route that pages have: one that shows, and one that a form is sent to."""

from typing import Any

from litestar import get, post

from pennon.control.access.permissions import Permission
from pennon.control.ui.visitors import ANYWHERE, OPEN, PERMISSION

PROJECT = "/projects/{project:str}"
ENVIRONMENT = PROJECT + "/environments/{environment:str}"


def shows(path: str, *, permission: Permission = "read", anywhere: bool = False, is_open: bool = False) -> get:
    """Make a route that shows a page.

    With *anywhere* it lets in whoever is signed in, and shows them no more than they may see; *is_open*: everybody.
    """
    return get(path, sync_to_thread=True, opt={PERMISSION: permission, ANYWHERE: anywhere, OPEN: is_open})


def acts(path: str, *, permission: Permission, anywhere: bool = False, is_open: bool = False) -> post:
    """Make a route that a form is sent to. It answers with a page, or sends the browser to one."""
    said: dict[str, Any] = {PERMISSION: permission, ANYWHERE: anywhere, OPEN: is_open}
    return post(path, status_code=200, sync_to_thread=True, opt=said)
