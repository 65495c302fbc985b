"""What the fan-out benchmark makes of what its load client says."""

import pytest

from bench.fanout.goals import outcomes
from bench.fanout.load import Broadcast, Connected, Load, _read, median
from bench.fanout.measuring import FLOOR, NCHAN, PENNON, QUICK, Results

CONNECT = (
    '{"kind":"connect","ready":100,"failed":0,"rate":5000,"cpu_s":0.0625,"p99":3.5,"rss_per_conn_kib":1.5,'
    '"other_cpu_s":0.1}'
)
BROADCAST = (
    '{{"kind":"bcast","seq":1,"got":{got},"p50":1.0,"p99":2.0,"max":3.0,"cpu_ms":0.5,"other_cpu_ms":{other},"wall_ms":100,'
    '"bad":0,"dup":{dup},"closed":0}}'
)


def test_lines_of_the_load_client_are_read() -> None:
    lines = [
        CONNECT,
        BROADCAST.format(got=100, other=0, dup=0),
        BROADCAST.format(got=98, other=500, dup=3),
        BROADCAST.format(got=100, other=0, dup=3),
        " hold 50s server cpu 1.000s (2.00% of one core) rx 1.00 MB closed 0",
    ]
    found = _read("\n".join(lines), 100)
    assert found.connected == Connected(100, 0, 5000, 625.0, 3.5, 1.5)
    assert [each.wrong for each in found.broadcasts] == [0, 5, 0], "lost ones, and doubles since the last broadcast"
    assert [each.is_quiet for each in found.broadcasts] == [True, False, True]
    assert found.broadcasts[0].cpu_us == pytest.approx(5.0)
    assert found.idle_cpu == pytest.approx(0.02)


def test_client_that_says_nothing_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="nothing"):
        _read("", 100)


def broadcast(cpu_us: float, *, p99_ms: float = 10.0, is_quiet: bool = True) -> Broadcast:
    return Broadcast(1, 100, 5.0, p99_ms, 12.0, cpu_us, lost=0, doubled=0, cut=0, is_quiet=is_quiet)


def test_median_is_that_of_quiet_broadcasts_without_the_first() -> None:
    found = [broadcast(99), broadcast(1), broadcast(50, is_quiet=False), broadcast(3)]
    assert median(found, lambda each: each.cpu_us) == 2
    assert median([broadcast(7)], lambda each: each.cpu_us) == 7


def test_goals_are_ratios_to_the_others_in_the_same_run() -> None:
    size = QUICK.sizes[-1]

    def load(cpu_us: float, rate: float) -> Load:
        return Load(Connected(size, 0, rate, 10.0, 1.0, 1.6), [broadcast(cpu_us), broadcast(cpu_us)], None)

    loads = {(FLOOR, size): load(5, 9000), (NCHAN, size): load(10, 8000), (PENNON, size): load(6, 4000)}
    herd = Connected(1000, 0, 900.0, 100.0, 1.0, 0.0)
    herds = {(PENNON, "snapshot"): herd, (NCHAN, "snapshot"): herd, (PENNON, "resume"): herd}
    extent = QUICK._replace(hold_s=50)  # the first quarter of it is without heartbeats
    long = Load(loads[PENNON, size].connected, [broadcast(6)] * 7, None)
    found = outcomes(Results(extent, loads, herds, [20, 10], {10: 0.001, size: 0.004}, [long], []))
    assert [(each.found, each.met) for each in found] == [
        ("1.20×", True),
        ("0.60×", True),
        ("1.00×", True),
        ("1.60 KiB", True),
        ("0.50×", False),
        ("1.00×", True),
        ("900.00/s", False),
        ("4.00 % of a core", True),
        ("0.10 % of a core", True),
        ("0.00", True),
        ("0.00", True),
    ]
    assert "10 minutes, 7 changes" in found[-1].what
    nothing = outcomes(Results(QUICK, {}, {}, [], {}, [], []))
    assert {each.met for each in nothing} == {None}
