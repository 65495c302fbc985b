"""Imports LaunchDarkly: what its SDKs poll for or stream, a relay's or file source's dump, or the REST API's flags."""

from collections.abc import Mapping
from types import MappingProxyType

from pennon.importers.launchdarkly import vocabulary as words
from pennon.importers.launchdarkly.documents import VENDOR, Document, read_document, refused
from pennon.importers.launchdarkly.planning import Planner, read_items
from pennon.importers.plan import Plan, Vocabulary
from pennon.model import Problem

__all__ = ["DIALECTS", "VENDOR", "plan", "vocabulary"]

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "python": "the Python server SDK, 9.x: buckets in double precision",
        "node": "the Node.js server SDK, 9.x, and its kin for edge platforms: buckets in double precision",
        "go": "the server SDKs for Go, Java and .NET: buckets in single precision, conditions as Go reads them",
    }
)
"""Each dialect, and the SDKs that speak it."""
_ENVIRONMENT = "environment"
_NO_OPTIONS: Mapping[str, bytes | str] = MappingProxyType({})


def plan(data: bytes, dialect: str, options: Mapping[str, bytes | str] = _NO_OPTIONS) -> Plan:
    """Return what importing *data* would create. The option `environment` picks one of a REST export's.

    Raises `ImportRefused`, with every item that cannot be read.
    """
    if dialect not in DIALECTS:
        raise refused(Problem("", f"LaunchDarkly has no dialect {dialect!r}", f"name one of {', '.join(DIALECTS)}"))
    return Planner(_document(data, options), dialect).plan()


def vocabulary(data: bytes, options: Mapping[str, bytes | str] = _NO_OPTIONS) -> Vocabulary:
    """Return the attributes that the file's rules read, with the literals of each. Raises `ImportRefused`."""
    return words.of_items(read_items(_document(data, options)))


def _document(data: bytes, options: Mapping[str, bytes | str]) -> Document:
    unknown = sorted(options.keys() - {_ENVIRONMENT})
    if unknown:
        raise refused(Problem("", f"there is no option {unknown[0]!r}", f"the one there is: {_ENVIRONMENT}"))
    name = options.get(_ENVIRONMENT)
    if isinstance(name, bytes):
        name = name.decode(errors="replace").strip()  # a file with the name in it may end in a newline
    return read_document(data, name)
