"""How nodes hear that the log has grown: a port, and one module an adapter."""

from pennon.bus.base import Bus, Notice, Subscription
from pennon.bus.choice import BusUnusable, bus_at
from pennon.bus.memory import MemoryBus
from pennon.bus.remote import RemoteBus

__all__ = ["Bus", "BusUnusable", "MemoryBus", "Notice", "RemoteBus", "Subscription", "bus_at"]
