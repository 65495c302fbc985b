"""From flagd's flags to a plan: JSON or YAML, as files, the daemon and its HTTP sync have it."""

from pennon.importers.flagd.planning import DIALECTS, plan, vocabulary
from pennon.importers.flagd.reading import VENDOR

__all__ = ["DIALECTS", "VENDOR", "plan", "vocabulary"]
