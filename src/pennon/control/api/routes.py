"""The four kinds of route that there are, so that each noun's module says only what is particular to it.

Every route names the permission that it needs and what it answers; one that names none is closed to everybody.
"""

from typing import Any

from litestar import delete, get, post, put

from pennon.control.access.permissions import Permission
from pennon.control.api.bodies import StrictBody, read_body

PERMISSION, ANSWER, ANYWHERE, VERSIONED, EXAMPLE = "permission", "answer", "anywhere", "versioned", "example"
OPEN = "open"
"""What lets everybody in, and is told nothing of who it is."""
STREAM = "stream"
PROJECT = "/projects/{project:str}"
ENVIRONMENT = PROJECT + "/environments/{environment:str}"


def reads(
    path: str,
    answer: Any,
    *,
    permission: Permission = "read",
    anywhere: bool = False,
    is_open: bool = False,
    versioned: bool = False,
) -> get:
    """Make a route that shows something, of the type *answer*.

    With *anywhere*, it lets in whoever has a good token; the route shows them no more than they may see.
    *versioned*: it answers with an ETag, and 304 to who has it.
    """
    said = {PERMISSION: permission, ANSWER: answer, ANYWHERE: anywhere, OPEN: is_open, VERSIONED: versioned}
    return get(path, sync_to_thread=True, opt=said)


def streams(path: str, *, permission: Permission = "read", anywhere: bool = False) -> get:
    """Make a route that goes on telling something, as server-sent events."""
    return get(path, opt={PERMISSION: permission, ANSWER: str, ANYWHERE: anywhere, STREAM: True})


def redirects(path: str) -> get:
    """Make a route that is open, and sends browsers elsewhere."""
    return get(path, status_code=303, sync_to_thread=True, opt={PERMISSION: "read", ANSWER: None, OPEN: True})


def creates(  # noqa: PLR0913  # what there is to say of a route
    path: str,
    answer: Any,
    *,
    permission: Permission,
    max_bytes: int | None = None,
    status: int = 201,
    example: Any = None,
    anywhere: bool = False,
    is_open: bool = False,
) -> post:
    """Make a route that creates something, or does something once, and shows it as the type *answer*.

    *example* is a body for those who read the API's description.
    """
    said = {PERMISSION: permission, ANSWER: answer, EXAMPLE: example, ANYWHERE: anywhere, OPEN: is_open}
    return post(path, status_code=status, opt=said, **_with_body(max_bytes))


def replaces(  # what there is to say of a route
    path: str,
    answer: Any,
    *,
    permission: Permission,
    max_bytes: int | None = None,
    example: Any = None,
    anywhere: bool = False,
) -> put:
    """Make a route that replaces something and shows it as the type *answer*."""
    said = {PERMISSION: permission, ANSWER: answer, EXAMPLE: example, ANYWHERE: anywhere}
    return put(path, opt=said, **_with_body(max_bytes))


def deletes(path: str, *, permission: Permission, anywhere: bool = False) -> delete:
    """Make a route that deletes something and shows nothing."""
    # Litestar lets no route of status 204 make its answer, and ours has headers.
    return delete(
        path, status_code=200, sync_to_thread=True, opt={PERMISSION: permission, ANSWER: None, ANYWHERE: anywhere}
    )


def _with_body(max_bytes: int | None) -> dict[str, Any]:
    size = {} if max_bytes is None else {"request_max_body_size": max_bytes}
    return {"sync_to_thread": True, "dto": StrictBody, "return_dto": None, "before_request": read_body, **size}
