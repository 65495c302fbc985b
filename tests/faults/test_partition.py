"""A network that falls silent: an edge node in a network namespace of its own, and the cable to it pulled."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.recoveries import Recoveries
from tests.faults.world import Asking, Reporting, assert_agreement, edge, eventually, origin, turn, wait_for

_HERE, _THERE = "10.213.77.1", "10.213.77.2"
_SPACE, _CABLE = "pennon-faults", "pennon-f"
_ASK = """
import sys
from pennon import Client
with Client(sys.argv[1], key=sys.argv[2], events=False) as client:
    assert client.wait_until_ready(60), client.status().problem
    for number in range(1000):
        result = client.evaluation("steady", {"targetingKey": f"user-{number}"}, default=False)
        assert result.value is True and result.error_code is None, result
    print(client.status().age_s)
"""


class Cable:
    """What joins this machine's network to another one."""

    within = ("ip", "netns", "exec", _SPACE)

    def pull(self) -> None:
        """Pull it out: nothing arrives any more, and nobody is told."""
        _run("ip", "link", "set", f"{_CABLE}0", "down")

    def plug(self) -> None:
        """Put it back."""
        _run("ip", "link", "set", f"{_CABLE}0", "up")


@pytest.fixture
def cable() -> Iterator[Cable]:
    """A second network, which only root can make."""
    _remove()
    try:
        _run("ip", "netns", "add", _SPACE)
        _run("ip", "link", "add", f"{_CABLE}0", "type", "veth", "peer", "name", f"{_CABLE}1", "netns", _SPACE)
        _run("ip", "address", "add", f"{_HERE}/30", "dev", f"{_CABLE}0")
        _run("ip", "link", "set", f"{_CABLE}0", "up")
        for command in (f"address add {_THERE}/30 dev {_CABLE}1", f"link set {_CABLE}1 up", "link set lo up"):
            _run("ip", "-n", _SPACE, *command.split())
    except (OSError, subprocess.CalledProcessError) as error:
        _remove()
        pytest.skip(f"a network namespace cannot be made here: {getattr(error, 'stderr', '') or error}")
    try:
        yield Cable()
    finally:
        _remove()


def test_partition_is_outlived_on_both_sides(cable: Cable, tmp_path: Path, recoveries: Recoveries) -> None:
    with origin(tmp_path / "origin", "--host", "0.0.0.0") as shop:
        shop.make_flags("steady", "moving", "reported")
        upstream = f"http://{_HERE}:{shop.port}"
        options = ("--host", "0.0.0.0")
        with edge(tmp_path / "pop", upstream, key=shop.key("edge"), options=options, within=cable.within) as pop:
            port = pop.url.rpartition(":")[2]
            there = f"http://{_THERE}:{port}"
            with Asking(there, key=shop.key()) as sdk:
                reporting = Reporting(there, key=shop.key())
                reporting.report()
                wait_for([sdk], turn(shop, on=False))
                cable.pull()
                newest = [turn(shop, on=on) for on in (True, False, True)][-1]
                # Those on the edge's side of the cut go on, new ones too.
                asking = [*cable.within, sys.executable, "-c", _ASK, f"http://127.0.0.1:{port}", shop.key()]
                asked = subprocess.run(asking, capture_output=True, text=True, check=False, timeout=60)
                assert asked.returncode == 0, asked.stderr
                with recoveries.timed("partition: from its end to the newest revision at an SDK of the edge"):
                    cable.plug()
                    wait_for([sdk], newest)
                reporting.report()
                assert_agreement(shop, [sdk], [there])
                eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def _remove() -> None:
    with contextlib.suppress(OSError):
        for command in (f"link delete {_CABLE}0", f"netns delete {_SPACE}"):
            subprocess.run(["ip", *command.split()], capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
