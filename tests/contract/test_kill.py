"""What survives when the process is killed in the middle of anything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pennon.control.storage import open_storage
from pennon.model import Flag
from tests.contract.logs import LOG

_KILLS = 3
_ACKNOWLEDGED = 25
_WRITER = """
import sys
from pennon.control.log import SYSTEM
from pennon.control.storage import open_storage
from pennon.model import Flag, Serve

url, name = sys.argv[1:]
log = open_storage(url).log
while True:
    with log.writing(name, by=SYSTEM, action="count") as writing:
        writing.open(name)
        before = writing.item(name, "flag", "counter")
        number = int(before.read(Flag).salt) + 1 if before else 1
        for key in ("counter", f"flag-{number}"):
            writing.put(name, "flag", Flag(key, (), True, Serve("on"), salt=str(number)))
    print(writing.changes_made[name].revision, flush=True)
"""


def test_no_acknowledged_change_is_lost_when_the_writer_is_killed(url: str) -> None:
    acknowledged: list[int] = []
    for kill in range(1, _KILLS + 1):
        acknowledged += _acknowledged_until_killed(url, kill * 7)
    storage = open_storage(url)
    verification = storage.log.check(LOG)
    with storage.log.reading() as reading:
        state = reading.state(LOG)
        kept = {change.revision for change in reading.changes(LOG, limit=100_000)}
    storage.close()
    assert verification.problem is None
    assert len(acknowledged) >= _KILLS * _ACKNOWLEDGED
    assert set(acknowledged) <= kept
    assert kept == set(range(1, state.head.revision + 1))
    # Of a command that was not acknowledged there is everything or nothing: both items say the same.
    assert state.of("flag")["counter"].read(Flag).salt == str(state.head.revision)
    assert set(state.of("flag")) == {"counter", *(f"flag-{revision}" for revision in kept)}


def _acknowledged_until_killed(url: str, spread: int) -> list[int]:
    """Run a writer, kill it some time after it has acknowledged enough, and return all that it has acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", _WRITER, url, LOG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(_ACKNOWLEDGED + spread)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    # The last line may be cut off in the middle of its number.
    return [int(line) for line in lines if line.endswith("\n")]
