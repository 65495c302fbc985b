"""Schedules that several servers do at once, some of which are killed meanwhile: each is done once."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from pennon.control.clock import SystemClock
from pennon.control.schedules.metrics import ScheduleMetrics
from pennon.control.schedules.plans import Once
from pennon.control.schedules.running import ScheduleRuns
from pennon.control.schedules.service import ScheduleService, Wanted
from pennon.control.schedules.views import ScheduleViews
from pennon.control.storage import open_storage
from tests.clock import HandClock
from tests.contract.shop import ANNA, PRODUCTION, Shop
from tests.editing import read_edits

_SCHEDULES = 30
_DONE_BEFORE_DEATH = 5
_SERVER = """
import sys
from pennon.control.clock import SystemClock
from pennon.control.schedules.metrics import ScheduleMetrics
from pennon.control.schedules.running import ScheduleRuns
from pennon.control.storage import open_storage

log, clock = open_storage(sys.argv[1]).log, SystemClock()
log.subscribe(lambda changes: print(len(changes), flush=True))
print("ready", flush=True)
sys.stdin.readline()
ScheduleRuns(log, clock, ScheduleMetrics(clock)).run()
"""


def test_each_is_made_once_by_servers_of_which_one_is_killed(url: str) -> None:
    storage = open_storage(url)
    shop = Shop(storage.log)
    shop.open()
    past = HandClock()
    service = ScheduleService(storage.log, past)
    for number in range(_SCHEDULES):
        edits = tuple(read_edits([{"do": "putSegment", "segment": {"key": f"s{number}"}}]))
        plan = Once(at=past.now() + timedelta(minutes=1), edits=edits)
        service.create_schedule(PRODUCTION, Wanted(title=f"s{number}", plan=plan), by=ANNA)
    before = shop.revision()
    servers = [_server(url) for _ in range(2)]
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("go\n")
        server.stdin.flush()
    killed, other = servers
    assert killed.stdout is not None
    for _ in range(_DONE_BEFORE_DEATH):
        if not killed.stdout.readline():  # the other one was quicker, and left nothing to do
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    other.communicate(timeout=60)
    assert other.returncode == 0
    ScheduleRuns(storage.log, SystemClock(), ScheduleMetrics(SystemClock())).run()  # what the killed one had begun
    with storage.log.reading() as reading:
        listed = ScheduleViews().listed(reading, PRODUCTION).items
        states = [(each.state, each.last.result if each.last else None) for each in listed]
        actions = [change.action for change in reading.latest(PRODUCTION.log, limit=1000)]
    assert states == [("done", "made")] * _SCHEDULES
    assert actions.count("runSchedule") == _SCHEDULES == shop.revision() - before
    assert [storage.log.check(log).problem for log in (PRODUCTION.log, "projects/shop")] == [None, None]
    storage.close()


def _server(url: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", _SERVER, url]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return server
