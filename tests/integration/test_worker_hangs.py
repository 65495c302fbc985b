"""A worker that lives and does nothing is no worker."""

import os
import signal
import threading
from pathlib import Path

import httpx2
import msgspec
import structlog

from pennon.cli.server import Listening, listen_together
from pennon.cli.workers.supervisor import Plan, supervise
from pennon.control.app import prepared
from pennon.control.assembly import FirstStart
from pennon.control.config import Settings
from tests.integration.test_workers import children_of, until


def test_a_worker_that_says_nothing_is_killed_and_replaced(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"), log_format="json", log_level="error")
    plan = Plan(
        program="serve",
        settings=lambda: msgspec.json.encode(settings),
        drain_timeout_s=2,
        asked_every_s=0.1,
        hangs_after_s=5.0,
    )
    first: list[FirstStart] = []
    seen: list[set[int]] = []
    (listener,) = listen_together("127.0.0.1", 0, 1)
    url = Listening("127.0.0.1", listener.getsockname()[1]).url
    others = children_of(os.getpid())

    def stop_one() -> None:
        try:
            seen.append(children_of(os.getpid()) - others)
            (worker,) = seen[0]
            os.kill(worker, signal.SIGSTOP)
            # It waits in the queue of the one that hangs, or of the one that follows: somebody answers.
            until(lambda: children_of(os.getpid()) - others - seen[0])
            assert httpx2.get(f"{url}/healthz", timeout=60).status_code == 200
            seen.append(children_of(os.getpid()) - others)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    acting = threading.Thread(target=stop_one)
    with listener, prepared(settings, announce=first.append), structlog.testing.capture_logs() as logged:
        supervise(plan, [listener], ready=lambda _: acting.start())
    acting.join()
    assert len(seen) == 2
    assert seen[1] - seen[0]
    assert {entry["event"] for entry in logged if entry["log_level"] == "error"} == {"a worker hangs and is killed"}
    assert not children_of(os.getpid()) - others
