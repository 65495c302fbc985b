"""What tests of programs with flags need: flags written in a line, and a source that serves them without a server."""

from pennon.testing.flags import FlagBuilder, condition, flag, segment
from pennon.testing.source import InMemorySource

__all__ = ["FlagBuilder", "InMemorySource", "condition", "flag", "segment"]
