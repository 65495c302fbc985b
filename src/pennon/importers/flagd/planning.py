"""From a flagd file to a plan."""

from collections.abc import Mapping
from types import MappingProxyType

from pennon.importers.flagd.flags import planned
from pennon.importers.flagd.reading import VENDOR, refuse
from pennon.importers.flagd.source import Source
from pennon.importers.flagd.words import words
from pennon.importers.plan import Plan, Vocabulary

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "v1": "flagd before 0.15, Python provider up to 0.3, JavaScript core up to 1.3: text, signed, percentages",
        "v2": "flagd since 0.15, Python core 1 (provider 0.4 and 0.5), JavaScript core 4: text, unsigned, integers",
        "v3": "Python core 2 (provider since 0.6): CBOR, unsigned, integers",
    }
)
"""The dialects, each with the SDKs that speak it; in what they do beside hashing, Python's is followed."""


def plan(data: bytes, dialect: str, options: Mapping[str, bytes | str] = MappingProxyType({})) -> Plan:
    """Return what an import of a flagd file would create. Raises `ImportRefused`."""
    if dialect not in DIALECTS:
        refuse("", f"flagd has no dialect {dialect!r}", f"name one of {', '.join(DIALECTS)}")
    if options:
        refuse("", f"a flagd file takes no {', '.join(sorted(options))}", "leave it out")
    source = Source(data, dialect)
    flags = sorted((planned(found, dialect) for found in source.flags), key=lambda flag: flag.key)
    return Plan(vendor=VENDOR, dialect=dialect, flags=tuple(flags), notes=tuple(source.notes))


def vocabulary(data: bytes, options: Mapping[str, bytes | str] = MappingProxyType({})) -> Vocabulary:
    """Return the attributes that the file's targetings read, with the literals of each. Raises `ImportRefused`."""
    return words(found.targeting for found in Source(data, "v3").flags)
