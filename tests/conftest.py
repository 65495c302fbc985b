"""What every test runs under: hypothesis profiles, and the real servers that tests ask for.

`HYPOTHESIS_PROFILE=long` draws fifty times as many examples, and other ones on each run.
"""

import gc
import logging
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.authorities import read_once

pytest_plugins = ["tests.postgres"]
read_once()

# A test that needs more of them, or makes do with fewer, says so as a share of these.
settings.register_profile("default", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("few", parent=settings.get_profile("ci"), max_examples=10)
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

# What is compiled is kept, also by the processes that tests start: each would compile all of Pennon anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the collector of garbage from the tests and modules that are collected: they stay, and there are a million.

    To look at all of them again and again takes a quarter of the time, then and while tests run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def own_log() -> Iterator[None]:
    """Let each module begin with a log that tells all: servers in this process, and commands, make it tell less.

    Which modules come before it, on which worker, is another matter each time.
    """
    level = logging.root.level
    yield
    logging.root.setLevel(level)
    logging.disable(logging.NOTSET)
    ours = logging.getLogger("pennon")
    ours.setLevel(logging.NOTSET)
    ours.disabled, ours.propagate = False, True
    if (structlog := sys.modules.get("structlog")) is not None:
        structlog.reset_defaults()
