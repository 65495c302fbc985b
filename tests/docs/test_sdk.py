"""What the pages of the SDK show runs as it is shown, and they name everything there is."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pennon.model import ErrorCode, Reason
from pennon.sdk import Client, Status
from pennon.sdk.config import ENVIRONMENT_NAMES, Options
from pennon.sdk.errors import InvalidConfiguration
from pennon.sdk.sources import read_flags
from pennon.testing import flag
from tests.integration.upstream import KEY, Upstream, running

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "sdk.md").read_text("utf-8")
PAGES = (
    "reference/sdk.md",
    *(f"how-to/{name}.md" for name in ("flask", "fastapi", "celery", "testing", "opentelemetry", "first-paint")),
)


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{page} shows no {language}"
    return found


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running() as server:
        server.put(flag("new-checkout").on(), flag("new-home").on(), flag("new-mail").on())
        yield server


def run(page: str, upstream: Upstream) -> dict[str, Any]:
    """Run the Python of a page, from its first line to its last, and return what it defined."""
    code = "\n".join(blocks(page, "python"))
    code = code.replace("http://127.0.0.1:8000", upstream.url).replace("pennon_server_…", KEY)
    # As a module's own code, so that annotations and tests find its names.
    defined: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, page, "exec"), defined)
    return defined


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str, upstream: Upstream) -> None:
    defined = run(page, upstream)
    for name, function in list(defined.items()):
        if name.startswith("test_") and not function.__code__.co_argcount:
            function()
    client = defined.get("client")
    if isinstance(client, Client):
        client.close()


def test_the_page_on_flask_serves_what_it_shows(upstream: Upstream) -> None:
    defined = run("how-to/flask.md", upstream)
    assert defined["client"].wait_until_ready(60)
    web = defined["app"].test_client()
    assert (web.get("/").text, web.get("/template").text) == ("the new home", "new")
    defined["client"].close()


def test_the_page_on_fastapi_serves_what_it_shows(upstream: Upstream) -> None:
    from fastapi.testclient import TestClient  # noqa: PLC0415  # warns on import where it is not installed

    with TestClient(run("how-to/fastapi.md", upstream)["app"]) as web:
        assert web.get("/", headers={"x-user": "ada"}).json() == "the new home"


@pytest.mark.parametrize("page", ["how-to/django.md", "how-to/forking-servers.md"])
def test_code_that_cannot_run_here_is_code(page: str) -> None:
    for block in blocks(page, "python"):
        compile(block, page, "exec")


def test_the_file_of_flags_is_one() -> None:
    snapshot = read_flags(blocks("reference/sdk.md", "yaml")[0].encode(), "flags.yaml")
    assert sorted(snapshot.flags) == ["beta", "layout", "limits", "new-checkout", "theme"]
    assert [flag.on for flag in snapshot.flags.values()] == [True] * 5


def test_the_reference_names_everything_there_is() -> None:
    errors: list[type[InvalidConfiguration]] = [InvalidConfiguration, *InvalidConfiguration.__subclasses__()]
    names = {
        *typing.get_type_hints(Options, localns={"ssl": __import__("ssl")}),
        *ENVIRONMENT_NAMES,
        *Reason,
        *ErrorCode.__members__.keys() - {"PROVIDER_FATAL"},
        *Status.__struct_fields__,
        *(str(error.__name__) for error in errors),
    }
    missing = [name for name in names if f"`{name}`" not in REFERENCE]
    assert missing == []


def test_every_public_method_of_a_client_is_in_the_reference() -> None:
    inner = {"receive", "receive_document", "receive_unchanged", "stand", "adopt", "remember", "complain", "tick"}
    inner |= {"receive_snapshot", "rehouse", "doubt", "storable", "pending", "has_pending", "sent", "position"}
    inner |= {"loaded", "start"}
    for name in dir(Client):
        if not name.startswith("_") and name not in inner:
            assert re.search(rf"\b{name}\b", REFERENCE), name
