"""Whose file it is, by its shape: for the one who names the wrong vendor."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pennon.model import DECODE_ERRORS


def looks_like(data: bytes) -> str | None:
    """Return the word of the vendor (or `pennon`) whose file *data* looks like, None if it looks like nobody's."""
    try:
        document = msgspec.json.decode(data)
    except DECODE_ERRORS:
        return None
    return _of_document(document) if isinstance(document, dict) else None


def _of_document(document: dict[str, Any]) -> str | None:
    flags = document.get("flags")
    if "spec" in document and "digest" in document:
        return "pennon"
    if document.get("path") == "/" and isinstance(document.get("data"), dict):  # a stream's first message
        return _of_document(document["data"])
    if isinstance(document.get("features"), list):
        return "unleash"
    if isinstance(document.get("features"), dict) or "encryptedFeatures" in document:
        return "growthbook"
    if isinstance(flags, dict | list):
        return _of_flags(flags.values() if isinstance(flags, dict) else flags, document)
    return "launchdarkly" if "flagValues" in document else None


def _of_flags(flags: Iterable[Any], document: dict[str, Any]) -> str | None:
    names = {name for flag in flags if isinstance(flag, dict) for name in flag}
    if "$evaluators" in document or names & {"state", "variants", "defaultVariant"}:
        return "flagd"
    if names & {"fallthrough", "offVariation", "clientSideAvailability"} or "segments" in document:
        return "launchdarkly"
    return None
