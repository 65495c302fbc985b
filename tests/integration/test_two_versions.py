"""Servers of two versions side by side on one PostgreSQL, as during an update: docs/how-to/upgrade.md.

The older one is this repository as it was before its newest migration: servers that do not know the newest schema.
"""

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pennon.model import Snapshot
from tests.postgres import Postgres
from tests.serving import Api, Process, process

ROOT = Path(__file__).parents[2]
VERSIONS = "src/pennon/control/storage/migrations/versions"
E = "projects/default/environments/production"


def git(*words: str) -> bytes:
    ended = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
    return ended.stdout if ended.returncode == 0 else b""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the version before the newest migration."""
    newest = max(file.name for file in (ROOT / VERSIONS).glob("[0-9]*.py"))
    added = git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{newest}").decode().split()
    archive = git("archive", f"{added[-1]}^", "src") if added else b""
    if not archive:
        reason = f"the history from before {newest} is not here: this is no clone, or a shallow one"
        is_whole = git("rev-parse", "--is-shallow-repository").strip() == b"false"
        (pytest.fail if os.environ.get("CI") and is_whole else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    assert not (folder / VERSIONS / newest).exists()
    return folder / "src"


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to that within a minute"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture(scope="module")
def both(older: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    """A server of each version: the older one was there first, and runs on while the newer one migrates."""
    folder = tmp_path_factory.mktemp("both")
    options = ("--database-url", url, "--max-request-rate", "0")
    with process(folder / "old", *options[:2], environ={"PYTHONPATH": str(older)}) as (_, old):
        old.made("POST", "projects/default/flags", {"key": "first"})
        newer = Process(folder / "new", *options)
        try:
            with Api(newer.url, old.token) as new:
                yield old, new
        finally:
            newer.stop()


def snapshot(api: Api, key: str) -> Snapshot:
    answer = api.http.get(f"{api.url}/sdk/v1/snapshot", headers={"Authorization": f"Bearer {key}"})
    return Snapshot.from_json(answer.raise_for_status().content)


def turn(api: Api, do: str, flag: str) -> None:
    api.made("POST", f"{E}/changes", {"edits": [{"do": do, "flag": flag}]})


def is_on(api: Api, flag: str) -> bool:
    return bool(api.made("GET", f"{E}/flags/{flag}")["on"])


def test_each_serves_what_the_other_wrote(both: tuple[Api, Api]) -> None:
    old, new = both
    assert new.made("GET", "projects/default/flags/first")["key"] == "first"
    key = old.key()
    new.made("POST", "projects/default/flags", {"key": "second"})
    for writer, reader in ((old, new), (new, old)):
        for flag in ("first", "second"):
            turn(writer, "turnOn", flag)
            assert is_on(reader, flag)
            until(lambda: snapshot(reader, key).flags[flag].on)  # noqa: B023  # it is called within the turn
            turn(writer, "turnOff", flag)
            until(lambda: not snapshot(reader, key).flags[flag].on)  # noqa: B023


def test_both_take_changes_at_once_and_none_is_lost(both: tuple[Api, Api]) -> None:
    old, new = both
    before = old.made("GET", f"{E}/changes")["items"][0]["revision"]
    flags = [f"flag-{number}" for number in range(8)]

    def write(number: int) -> None:
        with (old, new)[number % 2].as_holder_of(old.token) as api:
            api.made("POST", "projects/default/flags", {"key": flags[number]})
            turn(api, "turnOn", flags[number])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(len(flags))))
    changes = [api.made("GET", f"{E}/changes", None)["items"] for api in (old, new)]
    assert [each["hash"] for each in changes[0]] == [each["hash"] for each in changes[1]]
    assert changes[0][0]["revision"] == before + 2 * len(flags)
    key = new.key()
    until(lambda: snapshot(old, key).digest == snapshot(new, key).digest)
    assert all(snapshot(old, key).flags[flag].on for flag in flags)


def test_a_key_that_one_revokes_the_other_refuses_and_the_log_is_sound(both: tuple[Api, Api]) -> None:
    old, new = both
    made = new.made("POST", f"{E}/keys", {"kind": "server"})
    until(lambda: _status(old, made["secret"]) == 200)
    new.made("DELETE", f"{E}/keys/{made['key']['key']}")
    until(lambda: _status(old, made["secret"]) == 401)
    sound = {each["what"]: each for each in new.made("GET", "health")["items"]}
    assert sound["the change logs are sound"]["level"] == "well"
    assert sound["the schema is that of this version"]["level"] == "well"


def _status(api: Api, secret: str) -> int:
    return api.http.get(f"{api.url}/sdk/v1/snapshot", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_an_older_server_that_starts_on_the_newer_schema_says_why_it_does_not(
    both: tuple[Api, Api], older: Path, tmp_path: Path, url: str
) -> None:
    with pytest.raises(AssertionError, match="made by a newer Pennon"):
        Process(tmp_path / "old", "--database-url", url, environ={"PYTHONPATH": str(older)})
