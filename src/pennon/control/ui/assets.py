"""Styles, scripts and pictures of the pages. An address has a hash of the file in it, so it is that file for good."""

import functools
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files

import msgspec
from litestar import Response
from litestar.datastructures import Headers
from litestar.exceptions import NotFoundException

from pennon.control.ui.packing import VARIES, coding_for
from pennon.stream.codings import Coding, compressed

PATH = "/pages/"
_KINDS: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_PINNED = re.compile(r"(?P<stem>[a-z0-9.-]+)-[0-9a-f]{12}(?P<ending>\.[a-z]+)")


class Asset(msgspec.Struct, frozen=True):
    """A file: its bytes, what they are, and the address that has their hash in it."""

    body: bytes
    kind: str
    path: str


@functools.cache
def assets() -> Mapping[str, Asset]:
    """Return every file by its name. htmx is fetched when Pennon is set up: where it is not there, pages do without."""
    found = {}
    for file in (files("pennon.control.ui") / "static").iterdir():
        stem, dot, ending = file.name.rpartition(".")
        if (kind := _KINDS.get(dot + ending)) is not None:
            body = file.read_bytes()
            pinned = f"{stem}-{hashlib.sha256(body).hexdigest()[:12]}.{ending}"
            found[file.name] = Asset(body, kind, PATH + pinned)
    return found


def asset_path(name: str) -> str | None:
    """Return the address of the file *name*; None where there is none."""
    asset = assets().get(name)
    return None if asset is None else asset.path


def answer_asset(file: str, headers: Headers) -> Response[bytes]:
    """Answer with a file by its pinned name, to who sent *headers*.

    One of another version is not there: its page asks for the new ones.
    """
    match = _PINNED.fullmatch(file)
    name = match["stem"] + match["ending"] if match else ""
    asset = assets().get(name)
    if asset is None or asset.path != PATH + file:
        raise NotFoundException
    coding = coding_for(headers)
    told = {"Cache-Control": _FOR_GOOD, **VARIES, **({} if coding is None else {"Content-Encoding": coding})}
    return Response(_packed(name, coding), media_type=asset.kind, headers=told)


@functools.cache  # a few files by three codings, and the largest takes some milliseconds
def _packed(name: str, coding: Coding | None) -> bytes:
    body = assets()[name].body
    return body if coding is None else compressed(body, coding)
