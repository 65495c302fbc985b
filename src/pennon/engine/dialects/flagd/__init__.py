"""How flags imported from flagd are read: JSONLogic, and three generations of `fractional`."""

from pennon.engine.dialects.flagd.dialect import DIALECTS

__all__ = ["DIALECTS"]
