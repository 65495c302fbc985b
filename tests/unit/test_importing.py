"""What importing Pennon costs: nothing slow is loaded before somebody needs it."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import pennon
import pennon.sdk
import pennon.testing

SLOW = (
    "httpx2",
    "httpcore2",
    "re2",
    "asyncio",
    "ssl",
    "opentelemetry",
    "openfeature",
    "yaml",
    "django",
    "flask",
    "celery",
)
OTHERS = ("django", "flask", "celery", "litestar", "sqlalchemy", "uvicorn", "typer", "rich", "structlog")


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh process has after *code*."""
    probe = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True, timeout=60)
    return set(done.stdout.split())


def test_importing_pennon_loads_nothing_but_itself() -> None:
    assert "msgspec" not in loaded_by("import pennon")
    assert not loaded_by("import pennon").intersection(SLOW + OTHERS)


@pytest.mark.parametrize(
    "code",
    [
        "from pennon import Client; Client",
        "from pennon.testing import InMemorySource, flag; from pennon import Client; Client(source=InMemorySource())",
        "from pennon.sdk.web import request_flags",
    ],
)
def test_the_sdk_loads_no_http_client_and_no_patterns_before_it_needs_them(code: str) -> None:
    found = loaded_by(code)
    assert not found.intersection(SLOW + OTHERS)


def test_a_client_of_a_server_loads_the_http_client() -> None:
    code = "from pennon import Client; Client('http://127.0.0.1:9', key='k').close(0.1)"
    assert "httpx2" in loaded_by(code)


def test_the_names_that_pennon_lists_are_there() -> None:
    for module in (pennon, pennon.sdk, pennon.testing):
        for name in module.__all__:
            assert getattr(module, name) is not None
    assert set(pennon.__all__) <= set(dir(pennon))
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        _ = pennon.Clinet
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        _ = pennon.sdk.Clinet


def test_every_module_of_the_sdk_can_be_imported_by_itself() -> None:
    for module in pkgutil.walk_packages(pennon.sdk.__path__, "pennon.sdk."):
        importlib.import_module(module.name)
