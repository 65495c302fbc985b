"""What the benchmark of OFREP makes of its numbers, and which flags it gives to whom."""

import pytest

from bench.ofrep import measuring, peers, report, world
from bench.ofrep.measuring import Extent, Results, Slice
from bench.ofrep.servers import Asking
from pennon.control.changes import edits

WRK = """Running 2s test @ http://127.0.0.1:1
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.40ms    2.10ms  34.73ms   50%
    Req/Sec     6.59k     2.17k   10.98k    65.00%
  Latency Distribution
     50%  600.00us
     75%    1.20ms
     90%    2.50ms
     99%    1.20s
  13117 requests in 2.00s, 7.12MB read
Requests/sec:   6558.35
Transfer/sec:      3.56MB
"""


def found(rate: float, cpu_us: float) -> Slice:
    return Slice(rate=rate, p50_ms=1.0, p99_ms=2.0, cpu_us=cpu_us, failed=0)


def results(**rates: list[tuple[float, float]]) -> Results:
    made = Results(Extent(rounds=3, slice_s=1))
    for server, rounds in rates.items():
        for way in measuring.WAYS:
            made.slices[server, way] = [found(*each) for each in rounds]
    return made


def test_output_of_wrk_is_read() -> None:
    read = measuring.told(WRK, spent_us=26_234.0)
    assert read == Slice(rate=6558.35, p50_ms=0.6, p99_ms=1200.0, cpu_us=2.0, failed=0)
    failed = WRK.replace("Requests/sec", "  Non-2xx or 3xx responses: 12\nRequests/sec")
    assert measuring.told(failed, spent_us=0.0).failed == 12


def test_output_of_something_else_is_refused() -> None:
    with pytest.raises(AssertionError, match="wrk says no"):
        measuring.told("unable to connect", spent_us=0.0)


def test_request_is_written_for_wrk_with_every_character_escaped() -> None:
    script = measuring.script(Asking("/a?b=c", b'{"a":"b"}', {"x-api-key": 'a"b'}))
    assert script == (
        'wrk.method = "POST"\nwrk.path = "/a?b=c"\nwrk.headers["x-api-key"] = "a\\"b"\nwrk.body = "{\\"a\\":\\"b\\"}"\n'
    )


def test_servers_are_compared_within_each_round() -> None:
    made = results(pennon=[(60, 20), (30, 20), (90, 20)], bare=[(100, 10), (50, 10), (90, 10)])
    assert made.ratio("pennon", "bare", "single") == 0.6
    assert made.ratio("pennon", "flagd", "single") is None
    assert made.middle("flagd", "single") is None


@pytest.mark.parametrize(("rate", "met"), [(70.0, True), (50.0, False)])
def test_goals_say_what_was_found(rate: float, met: bool) -> None:
    outcomes = report.outcomes(results(pennon=[(rate, 20)], bare=[(100, 10)], flagd=[(10, 30)]))
    assert [outcome.met for outcome in outcomes] == [met, True, True]
    assert [outcome.found for outcome in outcomes] == [f"{rate / 100:.2f}×", "1.50×", "1.50×"]


def test_what_is_not_there_meets_and_misses_nothing() -> None:
    outcomes = report.outcomes(results(pennon=[(1, 1)]))
    assert {(outcome.found, outcome.met) for outcome in outcomes} == {("not measured", None)}


def test_all_servers_have_the_same_flags() -> None:
    names = [edit["definition"]["key"] for edit in world.pennon_edits()]
    assert names == list(world.KEYS)
    assert list(world.flagd_flags()["flags"]) == names
    assert list(world.goff_flags()) == names
    assert [feature["name"] for feature in world.unleash_features()["features"]] == names
    assert world.ASKED in names
    assert edits.PutFlag.__struct_config__.tag == world.pennon_edits()[0]["do"]


def test_what_was_not_built_says_why(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert peers.binary("no-such-server-as-this") is None
    assert "--build" in peers.missing("no-such-server-as-this")
    peers.cache().mkdir(parents=True)
    (peers.cache() / "flagd.log").write_text("downloading\nno such module\n")
    assert "no such module" in peers.missing("flagd")
