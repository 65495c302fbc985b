"""The demo: whoever opens its pages finds something real on each, and it ends in good order."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from pennon.cli.demo import Demo, running
from pennon.cli.demo.team import PEOPLE

WAIT_S = 60
PROJECT = "projects/shop"
PRODUCTION = f"{PROJECT}/environments/production"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    before = set(threading.enumerate())
    with running(0) as made:
        yield made
    left = [each.name for each in set(threading.enumerate()) - before if each.name.startswith(("pennon-", "demo-"))]
    assert left == [], "threads of the demo outlive it"


@contextlib.contextmanager
def signed_in(demo: Demo, account: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=demo.opening.url, follow_redirects=True, timeout=WAIT_S) as client:
        answer = client.post("sign-in", data={"account": account, "password": demo.opening.password})
        assert answer.status_code == 200, answer.text
        assert not answer.url.path.startswith("/sign-in")
        yield client


def eventually(check: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)


def test_everybody_of_the_team_gets_in_by_the_password_that_is_shown(demo: Demo) -> None:
    for account, name, _ in PEOPLE:
        with signed_in(demo, account) as client:
            assert name in client.get(PROJECT).text


def test_every_page_has_something_real_to_show(demo: Demo) -> None:
    with signed_in(demo, "anne") as client:
        for path, shown in (
            (PROJECT, "Free shipping from 60 on"),
            (f"{PROJECT}/flags?reason=pastRemoval", "summer-theme"),
            (f"{PRODUCTION}/flags/new-checkout", "A share of everybody whose app can do it"),
            (f"{PRODUCTION}/segments", "beta-testers"),
            (f"{PRODUCTION}/changes", "The shop opens"),
            (f"{PROJECT}/requests", "Dora Novak"),
        ):
            answer = client.get(path)
            assert (answer.status_code, shown in answer.text) == (200, True), path


def test_what_runs_is_reported_within_moments(demo: Demo) -> None:
    api = demo.server
    eventually(lambda: any(each["node"] == "edge-1" for each in api.read(f"{PRODUCTION}/propagation")["nodes"]))
    eventually(lambda: api.read(f"{PRODUCTION}/counts", flag="new-checkout")["items"])
    off = {"edits": [{"do": "turnOff", "flag": "banner"}]}
    eventually(lambda: (api.send("POST", f"{PRODUCTION}/changes/preview", off).get("moves") or {}).get("contexts"))
    deliveries = f"{PROJECT}/webhooks/releases/deliveries"
    eventually(lambda: any(each["state"] == "delivered" for each in api.read(deliveries)["items"]))


def test_production_demands_a_reason_and_staging_none(demo: Demo) -> None:
    environments = {each["key"]: each for each in demo.server.read(f"{PROJECT}/environments")["items"]}
    assert environments["production"]["protection"]["why"]
    assert environments["staging"]["protection"] is None


def test_an_interrupt_ends_it_in_good_order() -> None:
    command = [sys.executable, "-c", "from pennon.cli import main; main()", "demo", "--port", "0", "--every", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "in all services after" in line:
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, said
    assert said.split() == ["The", "demo", "has", "ended;", "its", "data", "is", "gone."]
