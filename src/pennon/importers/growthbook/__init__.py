"""Imports what GrowthBook's SDKs receive: `{features, savedGroups?, contextualBandits?}`."""

from collections.abc import Mapping

from pennon.engine.dialects.growthbook import DIALECTS as READERS
from pennon.importers.growthbook.document import read
from pennon.importers.growthbook.features import Planning
from pennon.importers.growthbook.sticky import read_sticky
from pennon.importers.growthbook.vendor import DIALECTS, VENDOR
from pennon.importers.growthbook.vocabulary import vocabulary
from pennon.importers.plan import Plan

__all__ = ["DIALECTS", "VENDOR", "plan", "vocabulary"]


def plan(data: bytes, dialect: str, options: Mapping[str, bytes | str] = {}) -> Plan:
    """Return what importing a file would create, read as the SDK of *dialect* reads it. Raises `ImportRefused`.

    The option `sticky` has the SDK's sticky bucket documents, or `off` where it has no service for them.
    """
    known = READERS[dialect].conditions.operators
    return Planning(read(data, known), dialect, read_sticky(options.get("sticky"))).plan()
