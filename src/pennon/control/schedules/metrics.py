"""What Prometheus is told of schedules: how many stand how, and for how long what is due has waited."""

from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pennon.control.clock import Clock
from pennon.control.schedules.models import Schedule, State

_SHOWN = [state for state in get_args(State) if state != "done"]


class ScheduleMetrics(Collector):
    """Shows what it was told last: a scrape asks no database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._schedules: tuple[Schedule, ...] = ()

    def stand(self, schedules: Iterable[Schedule]) -> None:
        """Show from now on how *schedules* stand."""
        self._schedules = tuple(schedules)

    def collect(self) -> Iterator[Metric]:
        """Yield what there is to show now."""
        states = GaugeMetricFamily("pennon_schedules", "Schedules that are not done, by state.", labels=("state",))
        known = self._schedules
        for state in _SHOWN:
            states.add_metric((state,), sum(each.state == state for each in known))
        failing = GaugeMetricFamily(
            "pennon_schedules_failing",
            "Schedules that did not do what was due last.",
            value=sum(each.last is not None and each.last.result == "failed" for each in known),
        )
        now = self._clock.now()
        late = max((now - due for each in known if (due := each.due) is not None), default=None)
        overdue = GaugeMetricFamily(
            "pennon_schedules_overdue_seconds",
            "For how long what a schedule has to do was due and is not done: 0 on a good day.",
            value=max(0.0, late.total_seconds()) if late is not None else 0.0,
        )
        yield from (states, failing, overdue)
