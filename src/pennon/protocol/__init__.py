"""The sync protocol as machines without I/O: frames and documents in, actions and frames out. See spec/sync.md."""

from pennon.protocol import digest, sse
from pennon.protocol.actions import (
    Action,
    Adopted,
    AskSince,
    AskSnapshot,
    Draining,
    Reported,
    ReportKind,
)
from pennon.protocol.errors import DeltaDoesNotFit, FrameTooLarge, NotLoaded, ProtocolError
from pennon.protocol.frames import DELTA, GOODBYE, HEARTBEAT, SNAPSHOT, Frame
from pennon.protocol.hub import Hub
from pennon.protocol.projection import PROJECTIONS, Projection
from pennon.protocol.replica import Replica

__all__ = [
    "DELTA",
    "GOODBYE",
    "HEARTBEAT",
    "PROJECTIONS",
    "SNAPSHOT",
    "Action",
    "Adopted",
    "AskSince",
    "AskSnapshot",
    "DeltaDoesNotFit",
    "Draining",
    "Frame",
    "FrameTooLarge",
    "Hub",
    "NotLoaded",
    "Projection",
    "ProtocolError",
    "Replica",
    "ReportKind",
    "Reported",
    "digest",
    "sse",
]
