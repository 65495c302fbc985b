"""What can go wrong at the sending side and on the wire.

    ProtocolError
    ├── FrameTooLarge      a peer sends an event without end: close the connection
    ├── NotLoaded          our caller asks a hub that holds no environment yet: answer 503
    └── DeltaDoesNotFit    a delta that the hub cannot apply: load a snapshot instead

What a replica receives never raises: it is answered with `Reported`.
"""


class ProtocolError(Exception):
    """Base of all errors of the sync protocol."""


class FrameTooLarge(ProtocolError):
    """An event of a stream grew beyond *limit* bytes. The decoder that raised it cannot go on."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"an event of the stream is larger than {limit} bytes: close the connection and resume")


class NotLoaded(ProtocolError):
    """The hub was asked before it was given an environment."""

    def __init__(self) -> None:
        super().__init__("the hub holds no environment yet: load a snapshot first")


class DeltaDoesNotFit(ProtocolError):
    """The delta starts or ends elsewhere than where the hub stands, or gives another digest than it says."""
