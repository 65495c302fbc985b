"""A clock that tests set by hand."""

from datetime import UTC, datetime, timedelta


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, time: datetime = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)) -> None:  # immutable
        self.time = time

    def now(self) -> datetime:
        return self.time

    def move(self, by: timedelta) -> None:
        self.time += by
