"""What the SDK raises, and when. Evaluating never raises; making a client does, over what it is told.

SdkError
├── InvalidConfiguration(ValueError)    our caller's fault: options that cannot be
│   ├── InvalidOverrides                PENNON_OVERRIDES cannot be read
│   └── InvalidFile                     a file of flags cannot be read when the client starts
├── CorruptStore                        the disk's fault: reported in the log, never raised to the application
└── UpstreamFailed                      the server's or the network's fault: within the loops only
"""


class SdkError(Exception):
    """Base of all errors of the SDK."""


class InvalidConfiguration(SdkError, ValueError):
    """What a client was told cannot be. The message says what to do instead."""


class InvalidOverrides(InvalidConfiguration):
    """`PENNON_OVERRIDES` cannot be read. The message shows where."""


class InvalidFile(InvalidConfiguration):
    """A file holds no flags. The message says where and what."""


class CorruptStore(SdkError):
    """A store holds something that is not a state. The message says what and where."""
