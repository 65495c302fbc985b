"""What can be set about a node's endpoints. The defaults are the design's numbers."""

from pathlib import Path

import msgspec

from pennon.events import SampledRequests
from pennon.protocol.hub import HISTORY_BYTES


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals in seconds (`_s`) or milliseconds (`_ms`), sizes in bytes."""

    poll_s: float = 1.0
    """How often the log is read without a notice from the bus."""
    first_load_s: float = 10.0
    """How long a start waits for environments that are slow to load."""
    load_retry_s: float = 0.5
    load_retry_max_s: float = 5.0
    read_timeout_s: float = 30.0
    """What cannot be read is tried again after a random time up to the first, doubled up to the second."""

    heartbeat_s: float = 25.0
    edge_heartbeat_s: float = 2.0
    retry_ms: int = 1000
    """What streams tell their clients to wait before they come back after a cut."""
    goodbye_spread_ms: int = 5000
    """Clients of a draining node are told to come back after a random time up to this."""
    drain_s: float = 10.0
    stuck_s: float = 30.0
    """A reader that takes nothing for so long is closed."""
    max_streams: int | None = None

    snapshots_at_once: int = 1000
    snapshots_bytes: int = 256 * 1024 * 1024
    """So many whole snapshots, of so many bytes together, are on their way at once; who comes then is told when to."""
    retry_after_max_s: float = 60.0
    """The middle of the longest times that those are told."""

    compiled_bytes: int | None = None
    """Of each environment, flags of so much text stay compiled, which takes five times as much memory; None: all do."""
    history_bytes: int = HISTORY_BYTES
    """So much is kept of an environment's recent changes, for who missed them."""

    gzip_bytes: int = 1024
    """Answers below this are not compressed."""
    documents_bytes: int = 64 * 1024 * 1024
    """So much of what was compressed is kept for who asks next."""
    shared_folder: Path | None = None
    """Where the worker processes of a server share what they compressed."""
    events_bytes: int = 1024 * 1024
    evaluate_bytes: int = 1024 * 1024
    context_bytes: int = 64 * 1024
    context_depth: int = 16

    notify_spread_s: float = 5.0
    """A change reaches web clients within this, unless a critical flag changed."""
    token_s: int = 600
    public_url: str | None = None
    """Where browsers reach the node, where that is not the address that they use already; no slash at its end."""
    client_ttl_s: int = 300
    """For how long clients may go on with an answer without asking again."""
    rules_max_age_s: int = 30
    rules_check_s: float = 5.0
    """How long an answer to "may browsers have the rules?" holds."""
    sample_requests: SampledRequests = "none"
    private_attributes: tuple[str, ...] = ()
    """They are in no sample of this node: names, or JSON pointers into nested ones."""
    counts_flush_s: float = 10.0
    """How often the node reports the evaluations that it answered itself."""
