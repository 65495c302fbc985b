"""How imported flags read their conditions and splits: one dialect a vendor's SDK, to the letter.

A dialect is looked up by (vendor, dialect). A flag whose dialect is not known here answers an error, never a guess.
"""

from types import MappingProxyType

from pennon.engine.dialects.seam import Choice, Choosy, Dialect, Dialects, Key, Test

__all__ = ["DIALECTS", "Choice", "Choosy", "Dialect", "Dialects", "Key", "Test"]

DIALECTS: Dialects = MappingProxyType({})
"""The dialects known here."""
