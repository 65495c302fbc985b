"""Flags of a task under the real Celery: the right user, one revision from beginning to end, and no leaks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery  # type: ignore[import-untyped]
import pytest
from celery.contrib.testing.worker import start_worker  # type: ignore[import-untyped]

from pennon import Client
from pennon.sdk.web import request_flags, serving
from pennon.sdk.web.celery import CeleryFlags
from pennon.testing import InMemorySource, flag
from tests.integration.upstream import KEY, Upstream, eventually, running

SOURCE = InMemorySource()
CLIENT = Client(source=SOURCE)


@pytest.fixture(autouse=True)
def flags() -> None:
    SOURCE.put(flag("vip").on().serving("off").rule("on", targetingKey=["ada", "7"]), flag("beta").on())


def answer() -> dict[str, Any]:
    """Evaluate by the flags of the request that is served here, with a change in between."""
    first = request_flags().boolean("beta")
    SOURCE.put(flag("beta").off())
    return {"vip": request_flags().boolean("vip"), "same": request_flags().boolean("beta") is first}


def test_celery_tasks_see_what_their_sender_saw() -> None:
    other = celery.Celery("other", broker="memory://")
    CeleryFlags(other, client=CLIENT, context=lambda _: {"other": True})
    app = celery.Celery("shop", broker="memory://", backend="cache+memory://")
    CeleryFlags(app, client=CLIENT, context=lambda task: {"task": task.name})

    @app.task(name="work")  # type: ignore[untyped-decorator]
    def work() -> dict[str, Any]:
        return {**answer(), "context": request_flags().context}

    with start_worker(app, perform_ping_check=False, pool="solo"):
        with serving(CLIENT, {"targetingKey": "ada", "email": "ada@example.com"}):
            sent = work.delay()
        alone = work.delay()
        expected = {"vip": True, "same": True, "context": {"targetingKey": "ada", "task": "work"}}
        assert sent.get(timeout=60) == expected
        assert alone.get(timeout=60) == {"vip": False, "same": True, "context": {"task": "work"}}
    with serving(CLIENT, {"targetingKey": "ada"}):
        assert work.apply().get() == expected
        assert request_flags().context == {"targetingKey": "ada"}


CELERY = """
import celery, os
from pennon import Client
from pennon.sdk.web import request_flags
from pennon.sdk.web.celery import CeleryFlags
client = Client({url!r}, key={key!r}, flush_interval_s=1000)
app = celery.Celery("shop", broker="filesystem://", backend="file://{folder}/results")
app.conf.update(broker_transport_options={{"data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue"}})
app.conf.update(worker_max_tasks_per_child=3, broker_connection_retry_on_startup=True)
CeleryFlags(app, client=client)

@app.task(name="work")
def work():
    client.wait_until_ready(60)
    return [os.getpid(), request_flags().boolean("vip")]
"""


def test_the_processes_of_a_celery_worker_follow_and_report_each_for_itself(tmp_path: Path) -> None:
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    with running() as upstream:
        upstream.put(flag("vip").on())
        (tmp_path / "shop.py").write_text(CELERY.format(url=upstream.url, key=KEY, folder=tmp_path), "utf-8")
        command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--pool=prefork", "--concurrency=1"]
        with (tmp_path / "log").open("wb") as log:
            worker = subprocess.Popen([*command, "--loglevel=INFO"], cwd=tmp_path, stdout=log, stderr=log)
        try:
            _all_tasks_done(tmp_path)
            # Each process ends after three tasks, and has reported them; when a worker is stopped, Celery kills some.
            eventually(lambda: _counted(upstream) == 9, 60)
        finally:
            worker.terminate()
            worker.wait(60)
        assert _counted(upstream) == 9


def _all_tasks_done(folder: Path) -> None:
    code = "import json, shop; tasks = [shop.work.delay() for _ in range(9)]; "
    code += "print(json.dumps([task.get(60) for task in tasks]))"
    answers = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=folder, timeout=100))
    assert [value for _, value in answers] == [True] * 9
    assert len({pid for pid, _ in answers} - {os.getpid()}) == 3


def _counted(upstream: Upstream) -> int:
    return sum(each.count for batch in upstream.batches for each in batch.counters if each.flag == "vip")


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    CLIENT.close()
