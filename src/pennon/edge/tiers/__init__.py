"""What a node with a memory limit does: hot flags are compiled, all others are bytes in a file."""

from pennon.edge.tiers.budget import Budget
from pennon.edge.tiers.housing import House, HousedRecords, Housing, house_of
from pennon.edge.tiers.limited import Tiers
from pennon.edge.tiers.tending import Tending

__all__ = ["Budget", "House", "HousedRecords", "Housing", "Tending", "Tiers", "house_of"]
