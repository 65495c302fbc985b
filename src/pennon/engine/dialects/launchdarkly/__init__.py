"""LaunchDarkly's dialects: what its SDKs for Python, Node and Go (so too Java and .NET), and Ruby make of a flag."""

from collections.abc import Mapping
from types import MappingProxyType

from pennon.engine.dialects.launchdarkly import operators, units
from pennon.engine.dialects.launchdarkly.dialect import Flavour, LaunchDarkly
from pennon.engine.dialects.seam import Dialect

__all__ = ["DIALECTS", "Flavour", "LaunchDarkly"]

_PYTHON = Flavour(
    reading=operators.PYTHON,
    unit=units.PYTHON,
    hash="sha1-60-f64",
    absent=-1.0,
    absent_rule=-1.0,
    is_strict=False,
)
_NODE = Flavour(
    reading=operators.NODE,
    unit=units.NODE,
    hash="sha1-60-f64",
    absent=0.0,
    absent_rule=0.0,
    hidden=frozenset({"_meta"}),
)
_GO = Flavour(reading=operators.GO, unit=units.GO, hash="sha1-60-f32", absent=0.0, absent_rule=None)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {"python": LaunchDarkly(_PYTHON), "node": LaunchDarkly(_NODE), "go": LaunchDarkly(_GO)}
)
"""By the names that `compat.dialect` has."""
