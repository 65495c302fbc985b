"""Where an edge node keeps its environments, so that it starts although its upstream is dead: one module a store."""

from pennon.edge.kv.base import KeyValueStore, KvError, KvSpoiled, KvUnavailable, KvUnusable
from pennon.edge.kv.choice import store_at
from pennon.edge.kv.states import SpoiledState, Standing, StateStore, StoredState

__all__ = [
    "KeyValueStore",
    "KvError",
    "KvSpoiled",
    "KvUnavailable",
    "KvUnusable",
    "SpoiledState",
    "Standing",
    "StateStore",
    "StoredState",
    "store_at",
]
