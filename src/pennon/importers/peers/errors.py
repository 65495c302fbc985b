"""What can go wrong with another vendor's SDK.

PeerError
├── PeerUnknown       no SDK stands for this dialect
├── PeerNotInstalled  its packages, or what runs them, cannot be had
└── PeerFailed        it ended, was too slow, or answered what is no answer
"""


class PeerError(Exception):
    """A vendor's SDK cannot be asked. `mend` says what to do about it."""

    def __init__(self, message: str, mend: str = "") -> None:
        self.message = message
        self.mend = mend
        super().__init__(f"{message} ({mend})" if mend else message)


class PeerUnknown(PeerError):
    """No SDK is pinned for this vendor and dialect."""


class PeerNotInstalled(PeerError):
    """The SDK, or what runs it, could not be installed."""


class PeerFailed(PeerError):
    """The SDK's process ended, was too slow, or answered what is no answer."""
