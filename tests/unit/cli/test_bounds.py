"""Bounds on what is sent at a time: the settings of a server and of an edge node mean the same."""

import pytest

from pennon.control.app import _stream_settings
from pennon.control.config import Settings as ServerSettings
from pennon.edge.config import Settings as EdgeSettings
from pennon.edge.parts import Tuning, stream_settings_of
from pennon.stream import StreamSettings

SERVED = {
    "server": _stream_settings(ServerSettings(max_snapshots=7, max_snapshots_mib=3, max_retry_after_s=20), None),
    "edge node": stream_settings_of(EdgeSettings(max_snapshots=7, max_snapshots_mib=3, max_retry_after_s=20), Tuning()),
}
UNSAID = {
    "server": _stream_settings(ServerSettings(), None),
    "edge node": stream_settings_of(EdgeSettings(), Tuning()),
}


@pytest.mark.parametrize("who", SERVED)
def test_bounds_on_snapshots_are_as_set(who: str) -> None:
    found = SERVED[who]
    assert (found.snapshots_at_once, found.snapshots_bytes, found.retry_after_max_s) == (7, 3 * 1024 * 1024, 20.0)


@pytest.mark.parametrize("who", UNSAID)
def test_bounds_that_are_not_set_are_the_nodes_own(who: str) -> None:
    found, own = UNSAID[who], StreamSettings()
    for name in ("snapshots_at_once", "snapshots_bytes", "retry_after_max_s"):
        assert getattr(found, name) == getattr(own, name)
