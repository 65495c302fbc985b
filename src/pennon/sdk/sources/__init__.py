"""Where a client's state comes from when it is not a server."""

from pennon.sdk.sources.base import Adopt, Source
from pennon.sdk.sources.file import FileSource, read_flags

__all__ = ["Adopt", "FileSource", "Source", "read_flags"]
