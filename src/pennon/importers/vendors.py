"""The vendors whose files can be read. An importer is loaded when it is asked for."""

import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from pennon.importers.plan import Plan, Vocabulary

VENDORS: Mapping[str, str] = {
    "launchdarkly": "LaunchDarkly",
    "unleash": "Unleash",
    "growthbook": "GrowthBook",
    "flagd": "flagd",
}
"""Each vendor's word, and its name as it writes it."""


class Importer(Protocol):
    """What each vendor's package offers: bytes in, plan out."""

    @property
    def DIALECTS(self) -> Mapping[str, str]:  # noqa: N802  # a constant of a module
        """The dialects of the vendor's SDKs, each with a line that says which SDKs speak it."""

    def plan(self, data: bytes, dialect: str, options: Mapping[str, bytes | str] = ...) -> Plan:
        """Return what an import would create. Raises `ImportRefused`."""

    def vocabulary(self, data: bytes, options: Mapping[str, bytes | str] = ...) -> Vocabulary:
        """Return the attributes that the file's rules read, with the literals of each. Raises `ImportRefused`."""


def importer(vendor: str) -> Importer:
    """Return the importer of a vendor's files. Raises `KeyError`."""
    if vendor not in VENDORS:
        raise KeyError(vendor)
    return cast("Importer", importlib.import_module(f"pennon.importers.{vendor}"))
