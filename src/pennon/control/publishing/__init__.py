"""Publishing: the change log as stream nodes read it, and word to them when an environment changed."""

from pennon.control.publishing.reader import PublishedLog, announce_changes

__all__ = ["PublishedLog", "announce_changes"]
