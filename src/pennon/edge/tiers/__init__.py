"""What a node with a memory limit does: hot flags are compiled, all others are bytes in a file."""

from pennon.edge.tiers.housing import House, HousedRecords, Housing, house_of

__all__ = ["House", "HousedRecords", "Housing", "house_of"]
