"""What SDKs call: snapshots, streams, events, OFREP. A node serves it from the log that a reader gives it."""

from pennon.stream.endpoints import Endpoints, routes
from pennon.stream.front import Front
from pennon.stream.intake import Intake
from pennon.stream.metrics import NodeMetrics
from pennon.stream.node import StreamNode
from pennon.stream.ports import Clock, LogReader
from pennon.stream.quick import Quick
from pennon.stream.settings import StreamSettings

__all__ = [
    "Clock",
    "Endpoints",
    "Front",
    "Intake",
    "LogReader",
    "NodeMetrics",
    "Quick",
    "StreamNode",
    "StreamSettings",
    "routes",
]
