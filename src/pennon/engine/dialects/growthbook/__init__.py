"""How GrowthBook's SDKs read conditions and split: `javascript` loosely, `python` strictly. See the spec's dialects."""

from collections.abc import Mapping
from types import MappingProxyType

from pennon.engine.dialects.growthbook import javascript, python
from pennon.engine.dialects.growthbook.dialect import GrowthBook

__all__ = ["DIALECTS", "GrowthBook"]

DIALECTS: Mapping[str, GrowthBook] = MappingProxyType(
    {
        "javascript": GrowthBook(javascript.CONDITIONS, javascript.unit, javascript.stored_name),
        "python": GrowthBook(python.CONDITIONS, python.unit, python.unit),
    }
)
"""The dialects of GrowthBook, by name."""
