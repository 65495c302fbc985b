"""Imports what GrowthBook's SDKs receive: `{features, savedGroups?, contextualBandits?}`."""

from collections.abc import Mapping

from pennon.engine.dialects.growthbook import DIALECTS as READERS
from pennon.importers.growthbook.document import read
from pennon.importers.growthbook.features import Planning
from pennon.importers.growthbook.sticky import read_sticky
from pennon.importers.growthbook.vendor import DIALECTS, JAVASCRIPT, VENDOR
from pennon.importers.growthbook.vocabulary import vocabulary
from pennon.importers.plan import ImportRefused, Plan
from pennon.model import Problem, pointer

__all__ = ["DIALECTS", "VENDOR", "plan", "vocabulary"]


def plan(data: bytes, dialect: str, options: Mapping[str, bytes | str] = {}) -> Plan:
    """Return what importing a file would create, read as the SDK of *dialect* reads it. Raises `ImportRefused`.

    The option `sticky` has the SDK's sticky bucket documents, or `off` where it has no service for them.
    """
    for name in options.keys() - {"sticky"}:
        raise ImportRefused(VENDOR, [Problem(pointer(name), "there is no such option", "the only one is sticky")])
    document = read(data, READERS[dialect].conditions.operators, exact_integers=dialect != JAVASCRIPT)
    return Planning(document, dialect, read_sticky(options.get("sticky"))).plan()
