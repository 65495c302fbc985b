"""The sync protocol as machines without I/O: frames and documents in, actions and frames out. See spec/sync.md."""

from pennon.protocol import digest, heads, sse
from pennon.protocol.actions import (
    Action,
    Adopted,
    AskSince,
    AskSnapshot,
    Draining,
    Endorsed,
    Reported,
    ReportKind,
)
from pennon.protocol.errors import DeltaDoesNotFit, FrameTooLarge, NotLoaded, ProtocolError
from pennon.protocol.frames import DELTA, GOODBYE, HEARTBEAT, SNAPSHOT, Frame
from pennon.protocol.hub import Hub
from pennon.protocol.projection import PROJECTIONS, Projection
from pennon.protocol.replica import Replica
from pennon.protocol.roots import Ledger, Lines
from pennon.protocol.trust import Terms, Trust
from pennon.protocol.verifying import VerifyingReplica

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
    "Endorsed",
    "Frame",
    "FrameTooLarge",
    "Hub",
    "Ledger",
    "Lines",
    "NotLoaded",
    "Projection",
    "ProtocolError",
    "Replica",
    "ReportKind",
    "Reported",
    "Terms",
    "Trust",
    "VerifyingReplica",
    "digest",
    "heads",
    "sse",
]
