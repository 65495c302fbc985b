"""How often each flag was evaluated, as SDKs report it. Beside the log, for an evaluation changes nothing."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from pennon.events import HourlyCount
from pennon.ingest.counting import Counts


class EvaluationSpan(NamedTuple):
    """When a flag first and last served a variation: the starts of the hours, in seconds since 1970."""

    flag: str
    variation: str | None
    first: int
    last: int


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

    def hours(self, environment: str, *, flags: Collection[str], since: datetime) -> Mapping[str, Mapping[int, int]]:
        """Return how often each of *flags* was evaluated in each hour from *since* on that has counts, by its start."""

    def spans(self, environment: str, *, flag: str | None = None) -> list[EvaluationSpan]:
        """Return when each flag first and last served each variation, as far as counts are kept."""

    def last_hours(self, environment: str, *, flag: str | None = None) -> Mapping[str, int]:
        """Return when each flag was evaluated last: the start of the hour, in seconds since 1970."""

    def first_hour(self, environment: str) -> int | None:
        """Return the first hour of which there are counts, in seconds since 1970."""

    def days_reported(self, environment: str, *, since: datetime) -> list[int]:
        """Return the days, counted from 1970, of whose hours since then there are counts."""
