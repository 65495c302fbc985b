"""The vectors of the sync protocol: what a replica does, step by step, and what frames a stream has."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pennon.model import Snapshot
from pennon.protocol import Action, Adopted, AskSince, AskSnapshot, Draining, Endorsed, Frame, Replica, Reported, sse

FOLDER = Path(__file__).parents[2] / "spec" / "sync"
FILES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")) if path.stem != "schema"}
REPLICAS = [slug for slug, file in FILES.items() if "steps" in file]
STREAMS = [(slug, stream) for slug, file in FILES.items() for stream in file.get("streams", ())]


def test_there_are_vectors_of_both_forms() -> None:
    assert len(REPLICAS) >= 12
    assert len(STREAMS) >= 12


@pytest.mark.parametrize("slug", FILES)
def test_file_is_what_the_schema_says(slug: str) -> None:
    schema = json.loads((FOLDER / "schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(FILES[slug], schema)


@pytest.mark.parametrize("slug", FILES)
def test_names_are_unique_in_the_file(slug: str) -> None:
    names = [each["name"] for each in (*FILES[slug].get("steps", ()), *FILES[slug].get("streams", ()))]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("slug", REPLICAS)
def test_replica_does_what_each_step_expects(slug: str) -> None:
    replica = Replica()
    for step in FILES[slug]["steps"]:
        replica, actions = given(replica, step)
        snapshot, age = replica.snapshot, replica.age(step["at"])
        assert {
            "actions": [told(action) for action in actions],
            "position": None if snapshot is None else str(snapshot.position),
            "digest": None if snapshot is None else snapshot.digest,
            "age": None if age is None else pytest.approx(age, abs=1e-9),
        } == expected(step["expect"]), step["name"]


def given(replica: Replica, step: dict[str, Any]) -> tuple[Replica, list[Action]]:
    """Do one step; return the replica after it and its actions."""
    if "restart" in step:
        stored = step["restart"]
        snapshot = None if stored is None else Snapshot.from_json(compact(stored))
        return Replica(snapshot=snapshot, known_at=step.get("knownAt")), []
    if "frame" in step:
        frame = step["frame"]
        data = compact(frame["data"]) if "data" in frame else frame["text"].encode()
        return replica, replica.receive(Frame(frame["event"], data), step["at"])
    if "document" in step:
        return replica, replica.receive_document(compact(step["document"]), age=step["age"], now=step["at"])
    return replica, replica.receive_unchanged(age=step["age"], now=step["at"])


def compact(document: object) -> bytes:
    return msgspec.json.encode(document)


def told(action: Action) -> dict[str, Any]:
    match action:
        case Adopted(snapshot=snapshot, touched=touched):
            named = None if touched is None else sorted(map(list, touched))
            return {"do": "adopt", "position": str(snapshot.position), "touched": named}
        case AskSince(position=position):
            return {"do": "ask since", "position": str(position)}
        case AskSnapshot():
            return {"do": "ask snapshot"}
        case Reported(kind=kind):
            return {"do": "report", "kind": str(kind)}
        case Draining(retry_ms=retry_ms):
            return {"do": "draining", "retryMs": retry_ms}
        case Endorsed():
            raise AssertionError("nothing is signed here: see test_heads")


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    """What a vector expects, with the touched items in order: they are a set."""
    actions = [
        {**action, "touched": sorted(action["touched"])} if action.get("touched") else action
        for action in expect["actions"]
    ]
    return {**expect, "actions": actions}


@pytest.mark.parametrize(("slug", "stream"), STREAMS, ids=[f"{slug}/{stream['name']}" for slug, stream in STREAMS])
def test_stream_gives_its_frames_however_it_is_cut(slug: str, stream: dict[str, Any]) -> None:
    data = stream["text"].encode()
    cuts = [[data[:at], data[at:]] for at in range(len(data) + 1)]
    for pieces in (*cuts, [bytes([byte]) for byte in data]):
        decoder = sse.Decoder()
        frames = [as_vector(frame) for piece in pieces for frame in decoder.feed(piece)]
        assert (frames, decoder.retry_ms) == (stream["frames"], stream.get("retryMs")), (slug, pieces)


def as_vector(frame: Frame) -> dict[str, Any]:
    vector: dict[str, Any] = {"event": frame.event, "data": frame.data.decode()}
    optional = {"id": frame.id, "retryMs": frame.retry_ms}
    return {**vector, **{name: value for name, value in optional.items() if value is not None}}
