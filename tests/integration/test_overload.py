"""When the admin API is asked more than it can answer, evaluation and the kill switch go on, and it comes back."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from tests.serving import Api, InProcess, serving

E = "projects/default/environments/production"
LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
FLAGS = 1000 if LONG else 300
AT_ONCE = 200 if LONG else 60
KILLS = 15 if LONG else 6
IMPORT = {
    "from": "unleash",
    "edits": [
        {"do": "putSegment", "segment": {"key": f"s{number}", "included": [f"u{each}" for each in range(20)]}}
        for number in range(FLAGS)
    ],
}


async def flood(api: Api, stop: asyncio.Event) -> Counter[int]:
    """Ask for more than can be done until told to stop, and return how that was answered."""
    answers: Counter[int] = Counter()
    body = msgspec.json.encode(IMPORT)
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=f"{api.url}/api/v1/", headers=headers, timeout=60, limits=limits) as http:

        async def ask(number: int) -> None:
            while not stop.is_set():
                try:
                    if number % 2:
                        answer = await http.post(f"{E}/imports/preview", content=body)
                    else:
                        answer = await http.get(f"{E}/segments", params={"limit": 1000})
                except (httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.WriteError):
                    continue  # the connection was idle for long, and the server closed it as the request was sent
                answers[answer.status_code] += 1
                if answer.status_code == 503:
                    assert answer.json()["type"] == "urn:pennon:problem:overloaded"
                    assert int(answer.headers["Retry-After"]) >= 1
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
    return answers


async def live(api: Api, key: str, stop: asyncio.Event) -> list[int]:
    """Evaluate, and turn flags off, while others ask; return every status."""
    statuses: list[int] = []
    try:
        async with httpx2.AsyncClient(base_url=api.url, timeout=60) as http:
            for number in range(KILLS):
                asked = await http.post(
                    "/ofrep/v1/evaluate/flags/checkout",
                    json={"context": {"targetingKey": "u1"}},
                    headers={"X-API-Key": key},
                )
                edits = {"edits": [{"do": "turnOff", "flag": f"f{number}"}]}
                token = {"Authorization": f"Bearer {api.token}"}
                killed = await http.post(f"/api/v1/{E}/changes", json=edits, headers=token)
                statuses += [asked.status_code, killed.status_code]
    finally:
        stop.set()
    return statuses


async def both(api: Api, key: str) -> tuple[Counter[int], list[int]]:
    stop = asyncio.Event()
    answers, statuses = await asyncio.gather(flood(api, stop), live(api, key, stop))
    return answers, statuses


def metric(server: InProcess, name: str, **labels: str) -> float:
    return server.app.state.metrics.get_sample_value(name, labels) or 0.0


@pytest.mark.timeout(600)
def test_evaluation_and_kill_switch_answer_while_others_are_refused_and_then_it_recovers(tmp_path: Path) -> None:
    with serving(tmp_path / "data", max_requests=2, max_imports=1) as (server, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        for number in range(KILLS):
            api.made("POST", "projects/default/flags", {"key": f"f{number}"})
        edits: list[dict[str, Any]] = [{"do": "turnOn", "flag": f"f{number}"} for number in range(KILLS)]
        api.made("POST", f"{E}/changes", {"edits": edits})
        api.made("POST", f"{E}/imports", IMPORT)
        answers, statuses = asyncio.run(both(api, api.key()))
        assert set(statuses) == {200}
        assert answers[200] >= 1
        assert answers[503] >= 1
        assert set(answers) == {200, 503}
        assert [api.made("GET", f"{E}/flags/f{number}")["on"] for number in range(KILLS)] == [False] * KILLS
        assert api.made("POST", f"{E}/imports/preview", IMPORT)["changed"] is False
        refused = metric(server, "pennon_api_refused_total", work="large", why="load")
        refused += metric(server, "pennon_api_refused_total", work="read", why="load")
        assert refused >= answers[503]
        assert metric(server, "pennon_api_refused_total", work="kill", why="load") == 0
        assert metric(server, "pennon_api_running", work="large") == 0


def test_each_caller_has_a_rate_of_its_own_and_a_made_up_one_none(tmp_path: Path) -> None:
    with serving(tmp_path / "data", max_request_rate=1, max_request_burst=20) as (_, api):
        token = {"name": "other", "role": "reader"}
        other = api.as_holder_of(api.made("POST", "tokens", token)["secret"])
        answers = (api.send("GET", "projects") for _ in range(1000))
        refused = next(answer for answer in answers if answer.status_code != 200)
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:pennon:problem:too-many-requests"
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.headers["RateLimit-Policy"] == '"api";q=20;w=20'
        assert refused.headers["RateLimit"].startswith('"api";r=0;t=')
        kill = {"edits": [{"do": "turnOff", "flag": "gone"}]}
        assert api.send("POST", f"{E}/changes", kill).status_code == 422, "turning off has a rate of its own"
        with other:
            assert other.send("GET", "projects").status_code == 200
        guesses: Counter[int] = Counter()
        while guesses[429] == 0:
            guess = {"Authorization": f"Bearer pennon_token_{guesses.total()}"}
            guesses[api.http.get("projects", headers=guess).status_code] += 1
            assert guesses.total() < 1000
        assert set(guesses) == {401, 429}
        assert httpx2.get(f"{api.url}/healthz").status_code == 200


def test_a_body_that_never_ends_takes_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.control.api.admitting.BODY_S", 0.3)

    async def trickle(api: Api, size: int) -> bytes:
        host, port = api.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /api/v1/{E}/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {api.token}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {size}\r\n\r\n{{".encode())
        async with asyncio.timeout(60):
            answer = await reader.readline()
        writer.close()
        return answer

    with serving(tmp_path / "data", max_requests=1, max_imports=1) as (_, api):
        for size in (100, 200_000):
            assert b" 400 " in asyncio.run(trickle(api, size))
        assert api.send("GET", "projects").status_code == 200
