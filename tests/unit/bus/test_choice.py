"""Which adapter an address asks for."""

import sys

import pytest

from pennon.bus import BusUnusable, RemoteBus, bus_at
from pennon.bus.choice import SCHEMES


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_that_is_offered_has_its_adapter(scheme: str) -> None:
    assert isinstance(bus_at(f"{scheme}://host/0"), RemoteBus)


def test_a_scheme_that_nobody_speaks_is_answered_with_those_that_are() -> None:
    with pytest.raises(BusUnusable, match=r"no bus speaks 'kafka'; write one of .*nats://"):
        bus_at("kafka://host")


@pytest.mark.parametrize(("url", "extra"), [("nats://host", "nats"), ("rediss://host", "redis")])
def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, url: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, f"pennon.bus.{extra}", None)
    with pytest.raises(BusUnusable, match=rf"pip install 'pennon\[{extra}\]'"):
        bus_at(url)
