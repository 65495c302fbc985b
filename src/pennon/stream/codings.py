"""How a body may be compressed for who asks: what `Accept-Encoding` says, and what this process can do. RFC 9110."""

import functools
import gzip
import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

Coding: TypeAlias = Literal["zstd", "br", "gzip"]
CODINGS: tuple[Coding, ...] = ("zstd", "br", "gzip")
"""The first is taken where a client likes several as much."""
# Each document is compressed once and sent often, so some 30 ms for four megabytes are well spent.
_ZSTD_LEVEL, _BROTLI_QUALITY, _GZIP_LEVEL = 9, 5, 6
_WEIGHT = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)")


class NothingFits(Exception):
    """The client takes neither what can be made nor the body as it is."""


@functools.lru_cache(maxsize=512)  # clients of one make send the same header
def chosen(header: str | None) -> Coding | None:
    """Return the coding that the `Accept-Encoding` *header* likes best, None for the body as it is.

    Raises `NothingFits` where the header rules that out too. Without a header nothing is compressed.
    """
    weights = _weights(header or "")
    rest = weights.get("*")
    best: Coding | None = None
    best_weight = 0.0
    for coding in available():
        weight = weights.get(coding, rest) or 0.0
        if weight > best_weight:
            best, best_weight = coding, weight
    plain = weights.get("identity")
    if best is not None:
        return None if plain is not None and plain > best_weight else best
    if (rest if plain is None else plain) == 0.0:
        raise NothingFits
    return None


def _weights(header: str) -> Mapping[str, float]:
    """Return the weight of each coding that *header* names. What it misspells it does not name."""
    found: dict[str, float] = {}
    for offer in header.split(","):
        name, _, parameters = offer.partition(";")
        weight = _weight(parameters)
        if (name := name.strip().lower().removeprefix("x-")) and weight is not None:
            found[name] = weight
    return found


def _weight(parameters: str) -> float | None:
    text = parameters.strip()
    if not text:
        return 1.0
    name, _, value = text.partition("=")
    if name.strip().lower() != "q" or not _WEIGHT.fullmatch(value.strip()):
        return None
    return float(value.strip())


@functools.cache
def available() -> tuple[Coding, ...]:
    """Return what this process can do, best first."""
    return tuple(coding for coding in CODINGS if _compressor(coding) is not None)


def compressed(body: bytes, coding: Coding) -> bytes:
    """Return *body* in *coding*, one of the `available` ones. It takes a while: not for the event loop."""
    compress = _compressor(coding)
    if compress is None:
        raise LookupError(f"{coding} is not installed")
    return compress(body)


@functools.cache
def _compressor(coding: Coding) -> Callable[[bytes], bytes] | None:
    if coding == "gzip":
        return lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0)
    if coding == "br":
        brotli = _module("brotli")
        return None if brotli is None else lambda body: bytes(brotli.compress(body, quality=_BROTLI_QUALITY))
    zstd = _module("compression.zstd") or _module("backports.zstd")
    return None if zstd is None else lambda body: bytes(zstd.compress(body, _ZSTD_LEVEL))


def _module(name: str) -> Any:
    """Return a module of the `server` extra, None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
