"""How often each flag was evaluated, as SDKs report it. Beside the log, for an evaluation changes nothing."""

from datetime import datetime
from typing import Protocol

from pennon.events import HourlyCount
from pennon.ingest.counting import Counts


class EvaluationCounts(Counts, Protocol):
    """Adds up what ingest took, and tells the sums."""

    def totals(
        self,
        environment: str,
        *,
        flag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100_000,
    ) -> list[HourlyCount]:
        """Return the counts of the hours that begin in [*since*, *until*), by flag, hour and variation.

        At most *limit* of them. *environment* is written `shop/production`.
        """
