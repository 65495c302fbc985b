"""Replays the history through a running Pennon: each change as one, with an SDK client attached, all compared."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

import httpx2
import msgspec

from examples.brave_studies.reading import eligible_arms
from examples.brave_studies.studies import NOT_ENROLLED, edits_of, flag_key
from pennon import Client
from pennon.model import ITEM_KINDS, Flag, Snapshot

PROJECT, ENVIRONMENT = "browser", "production"
_ARRIVES_WITHIN_S = 10
_DEFINED = ("kind", "variations", "clientSide")


class Server:
    """The part of the admin API that the replay needs."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.key = ""
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.place = f"/api/v1/projects/{PROJECT}/environments/{ENVIRONMENT}"

    def send(self, method: str, path: str, body: object = None, **query: object) -> httpx2.Response:
        """Return the answer. Raises `RuntimeError` with what the server said if it is an error."""
        content = None if body is None else msgspec.json.encode(body)
        params = {name: str(value) for name, value in query.items()}
        headers = {"Content-Type": "application/json"}
        response = self._http.request(method, path, content=content, params=params, headers=headers)
        if not response.is_success:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        return response

    def set_up(self) -> None:
        """Make the project, its environment and a server key."""
        self.send("POST", "/api/v1/projects", {"key": PROJECT, "name": "A browser's studies"})
        environments = f"/api/v1/projects/{PROJECT}/environments"
        self.send("POST", environments, {"key": ENVIRONMENT, "name": "Production", "production": True})
        made = self.send("POST", f"{self.place}/keys", {"kind": "server", "name": "replay"})
        self.key = str(made.json()["secret"])

    def snapshot(self) -> bytes:
        """Return the snapshot as SDKs get it."""
        response = self._http.get("/sdk/v1/snapshot", headers={"Authorization": f"Bearer {self.key}"})
        return response.raise_for_status().content

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def state_at(self, moment: datetime) -> bytes:
        """Return the state as of *moment*."""
        return self.send("GET", f"{self.place}/state", time=moment.isoformat()).content


class Follower:
    """An SDK client that remembers each state that it held."""

    def __init__(self, url: str, key: str) -> None:
        self.states: dict[int, bytes] = {}
        self._arrived = threading.Condition()
        self.client = Client(url, key=key)
        self.client.on_change(lambda _: self._remember())
        self.client.wait_until_ready(timeout=_ARRIVES_WITHIN_S)
        self._remember()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _remember(self) -> None:
        snapshot = self.client.rules().snapshot
        with self._arrived:
            self.states[snapshot.revision] = snapshot.to_json()
            self._arrived.notify_all()

    def wait_for(self, revision: int) -> bytes:
        """Return the state at *revision*, as soon as the client has it. Raises `TimeoutError`."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: revision in self.states, _ARRIVES_WITHIN_S):
                raise TimeoutError(f"revision {revision} did not arrive; there are {sorted(self.states)[-3:]}")
            return self.states[revision]


def replay(
    server: Server, follower: Follower, history: Sequence[Mapping[str, Any]], progress: Callable[[str], None]
) -> list[tuple[int, datetime]]:
    """Make each change of *history*, and after each compare what *follower* has with what the server has.

    Return each revision with its time. Raises `AssertionError` on a difference.
    """
    files: dict[str, list[str]] = {}
    rows: list[tuple[int, datetime]] = []
    for change in history:
        edits = [_edit(key, flag) for key, flag in edits_of(change, files)]
        body: dict[str, Any] = {"why": f"{change['rev'][:12]} of {change['time']}", "edits": edits}
        revision = server.send("POST", f"{server.place}/changes", body).json()["revision"]
        mine, theirs = follower.wait_for(revision), server.snapshot()
        _compare(Snapshot.from_json(mine), Snapshot.from_json(theirs))
        assert mine == theirs, f"the bytes at revision {revision} differ"
        row = server.send("GET", f"{server.place}/changes/{revision}").json()
        rows.append((revision, datetime.fromisoformat(row["time"])))
        progress(change["rev"])
    return rows


def _edit(key: str, flag: Flag | None) -> dict[str, Any]:
    if flag is None:
        return {"do": "deleteFlag", "flag": key}
    merged = msgspec.to_builtins(flag)
    definition = {"key": merged.pop("key")} | {name: merged.pop(name) for name in _DEFINED if name in merged}
    return {"do": "putFlag", "definition": definition, "configuration": merged}


def _compare(mine: Snapshot, theirs: Snapshot) -> None:
    for kind in ITEM_KINDS:
        ours, others = mine.items(kind), theirs.items(kind)
        assert ours.keys() == others.keys(), f"other {kind}s: {ours.keys() ^ others.keys()}"
        for key, item in ours.items():
            assert item.text == others[key].text, f"{kind} {key} differs at revision {mine.revision}"


def check_past(
    server: Server, follower: Follower, rows: Sequence[tuple[int, datetime]], *, seed: int, count: int
) -> int:
    """Compare the server's state as of *count* random past times with what the client had then; return how many."""
    chance = random.Random(seed)
    first, last = rows[0][1], rows[-1][1]
    for _ in range(count):
        moment = first + timedelta(seconds=chance.uniform(0, (last - first).total_seconds()))
        revision = max(revision for revision, time_of in rows if time_of <= moment)
        assert server.state_at(moment) == follower.states[revision], f"the state as of {moment} is another"
    return count


def check_eligibility(follower: Follower, studies: Iterable[Mapping[str, Any]], *, seed: int, count: int) -> int:
    """Compare what *count* random browsers get with the independent reading; return how many were enrolled."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for study in studies:
        by_name.setdefault(study["name"], []).append(study)
    rules = follower.client.rules()
    enrolled = 0
    for browser in browsers(list(by_name.values()), seed=seed, count=count):
        for name, namesakes in by_name.items():
            result = rules.evaluation(flag_key(name), browser, default=None)
            eligible = eligible_arms(namesakes, browser)
            if result.variation == NOT_ENROLLED:
                assert not eligible, f"{name} leaves out {browser}, who may be given {eligible}"
            else:
                assert result.value in eligible, f"{name} gives {result} to {browser}, who may be given {eligible}"
                enrolled += 1
    return enrolled


def browsers(studies: Sequence[Sequence[Mapping[str, Any]]], *, seed: int, count: int) -> Iterable[dict[str, Any]]:
    """Yield *count* browsers: half of the versions are bounds of a filter or next to one, where mistakes live."""
    chance = random.Random(seed)
    filters = [study.get("filter", {}) for namesakes in studies for study in namesakes]
    bounds = [
        bound.replace(".*", "")
        for each in filters
        for bound in (each.get("min_version"), each.get("max_version"))
        if bound
    ]
    countries = [*sorted({country for each in filters for country in each.get("country", ())}), "NZ"]
    for number in range(count):
        version = [chance.randint(80, 155), 1, chance.randint(20, 95), chance.randint(0, 999)]
        if bounds and chance.random() < 0.5:
            near = [int(part) for part in chance.choice(bounds).split(".")]
            near[-1] = max(0, near[-1] + chance.choice((-1, 0, 0, 1)))
            version = near + [chance.choice((0, 0, 7)) for _ in range(4 - len(near))]
        yield {
            "targetingKey": f"installation-{number}",
            "session": f"session-{chance.getrandbits(32)}",
            "channel": chance.choice(("NIGHTLY", "BETA", "RELEASE", "DEV")),
            "platform": chance.choice(("WINDOWS", "MAC", "LINUX", "ANDROID", "IOS")),
            "formFactor": chance.choice(("PHONE", "DESKTOP", "TABLET")),
            "country": chance.choice(countries),
            "policyRestriction": chance.choices(("NONE", "CRITICAL", "ALL"), (8, 1, 1))[0],
            "version": ".".join(map(str, version)),
        }


def current_studies(history: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the studies that are there after the whole of *history*."""
    files: dict[str, Any] = {}
    for change in history:
        for file in change["deleted"]:
            files.pop(file, None)
        files.update(change["set"])
    return [study for studies in files.values() for study in studies]


def timed(what: str, started: float) -> str:
    """Return a line about what took how long."""
    return f"{what} ({time.monotonic() - started:.1f} s)"
