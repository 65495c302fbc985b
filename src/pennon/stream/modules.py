"""`GET /js/v1/…`: the JavaScript that pages load, as this version of Pennon has it. No key opens it: it is public.

The files in `javascript/` are made of `js/` by `js/scripts/bundle.js`. Each has two addresses: its name, under which
the next version will have another file; and one with its hash in it, which is that file for good. Those of earlier
versions lie in `javascript/released/` under the latter, so that a page which pins one lives through an upgrade.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from pennon.stream.codings import Coding, NothingFits, available, chosen, compressed
from pennon.stream.http import JSON, Answer, Headers, Refusal, Request
from pennon.stream.snippets import Module

PATH = "/js/v1/"
INTEGRITY = "integrity.json"
_JAVASCRIPT = ("content-type", "text/javascript; charset=utf-8")
_HASH_DIGITS = 16
# A page that gets no answer has no flags, so an old file is better than none; how old it may get, nobody minds.
_FOR_NOW = ("cache-control", "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=604800")
_FOR_GOOD = ("cache-control", "public, max-age=31536000, immutable")


class Asset(msgspec.Struct, frozen=True):
    """A file that is handed out: what it is, and for how long a cache may go on without asking again."""

    body: bytes
    kind: tuple[str, str]
    fresh: tuple[str, str]


def answer_module(request: Request, name: str) -> Answer:
    """Return the file *name*. Raises `Refusal` where there is none."""
    asset = assets().get(name)
    if asset is None:
        raise Refusal(404, "No such file", f"ask {PATH}{INTEGRITY} which files this version of Pennon has")
    etag = f'"{digits(asset.body)}"'
    headers: Headers = (asset.kind, asset.fresh, ("vary", "Accept-Encoding"))
    if request.matches(etag):
        return Answer(304, b"", (*headers, ("etag", etag)))
    coding = _coding(request)
    if coding is None:
        return Answer(200, asset.body, (*headers, ("etag", etag)))
    # Other bytes than those that the tag was made for, so it is a weak one here.
    return Answer(200, _packed(name, coding), (*headers, ("etag", f"W/{etag}"), ("content-encoding", coding)))


@functools.cache
def assets() -> Mapping[str, Asset]:
    """Return what this version hands out, by its name below `PATH`."""
    return handed_out(files("pennon.stream") / "javascript")


def listing() -> Mapping[str, Module]:
    """Return what a page writes to load each file of this version, and nothing else in its place."""
    return msgspec.json.decode(assets()[INTEGRITY].body, type=dict[str, Module])


def handed_out(folder: Traversable) -> Mapping[str, Asset]:
    """Return what is handed out of *folder*."""
    found = {name: Asset(body, _JAVASCRIPT, _FOR_GOOD) for name, body in _modules(folder / "released").items()}
    listing = {}
    for name, body in _modules(folder).items():
        pinned = f"{name.removesuffix('.js')}-{digits(body)}.js"
        found |= {name: Asset(body, _JAVASCRIPT, _FOR_NOW), pinned: Asset(body, _JAVASCRIPT, _FOR_GOOD)}
        listing[name] = {"path": PATH + pinned, "integrity": integrity(body)}
    return {**found, INTEGRITY: Asset(msgspec.json.encode(listing), JSON, _FOR_NOW)}


def digits(body: bytes) -> str:
    """Return the part of a pinned name that tells *body* from other files."""
    return hashlib.sha256(body).hexdigest()[:_HASH_DIGITS]


def integrity(body: bytes) -> str:
    """Return what a page writes as `integrity` to run *body* and nothing else. W3C, Subresource Integrity."""
    return f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}"


def _modules(folder: Traversable) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".js")}


def _coding(request: Request) -> Coding | None:
    try:
        return chosen(request.headers.get("accept-encoding"))
    except NothingFits as error:
        codings = ", ".join(available())
        detail = f"of identity, {codings} at least one must be acceptable"
        raise Refusal(406, "No acceptable coding", detail, headers=(("accept-encoding", codings),)) from error


@functools.cache  # a few names by three codings, and each takes a millisecond
def _packed(name: str, coding: Coding) -> bytes:
    return compressed(assets()[name].body, coding)
