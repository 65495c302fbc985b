"""Feature flags, experiments and guarded releases on your own machines."""

from pennon._version import __version__

__all__ = ["__version__"]
