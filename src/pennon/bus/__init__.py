"""How nodes hear that the log has grown: a port, and one module an adapter."""

from pennon.bus.base import Bus, Notice, Subscription
from pennon.bus.memory import MemoryBus

__all__ = ["Bus", "MemoryBus", "Notice", "Subscription"]
