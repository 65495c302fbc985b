"""The vectors of signed heads: what is signed, whose signature counts, what a replica does about it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pennon.model import Head, Item, Rotation, Snapshot
from pennon.protocol import Action, Adopted, Endorsed, Frame, Lines, Reported, Terms, Trust, VerifyingReplica, heads
from tests.spec.test_sync import compact
from tests.unit.protocol.signing import Clock, verify

FOLDER = Path(__file__).parents[2] / "spec" / "heads"
FILES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")) if path.stem != "schema"}


def cases(slug: str, member: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in FILES[slug][member]]


def test_there_are_vectors_of_every_form() -> None:
    found = [FILES[slug].get(member, ()) for slug in FILES for member in ("roots", "heads", "rotations", "sequences")]
    assert sum(map(len, found)) >= 60


@pytest.mark.parametrize("slug", FILES)
def test_file_is_what_the_schema_says(slug: str) -> None:
    schema = json.loads((FOLDER / "schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(FILES[slug], schema)
    for member in ("roots", "heads", "rotations", "sequences"):
        names = [case["name"] for case in FILES[slug].get(member, ())]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("slug", [slug for slug, file in FILES.items() if "keys" in file])
def test_public_keys_are_those_of_the_seeds(slug: str) -> None:
    for key in FILES[slug]["keys"].values():
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
        assert heads.key_text(private.public_key().public_bytes_raw()) == key["public"]


@pytest.mark.parametrize("case", cases("roots", "roots"))
def test_root_is_that_of_the_lines(case: dict[str, Any]) -> None:
    items: dict[Any, dict[str, Item]] = {}
    for item in case["items"]:
        items.setdefault(item["kind"], {})[item["key"]] = Item.from_text(item["key"], item["text"].encode())
    assert Lines.of(items).root() == case["root"]
    if case["root"] is not None:
        assert sha256(case["lines"].encode()).hexdigest() == case["root"]
        assert sorted(map(plain, case["items"])) == (case["lines"].encode().split(b"\n") if case["items"] else [])


def plain(item: dict[str, str]) -> bytes:
    """An item's line, by nothing but what spec/sync.md says."""
    try:
        version = json.loads(item["text"]).get("version", 1)
    except AttributeError:
        version = 0
    return f"{item['kind']}:{item['key']}:{version}:{sha256(item['text'].encode()).hexdigest()}".encode()


@pytest.mark.parametrize("case", cases("statements", "heads"))
def test_head_is_signed_or_not(case: dict[str, Any]) -> None:
    head = msgspec.convert(case["head"], Head)
    message = heads.statement(head)
    assert (None if message is None else message.decode()) == case["statement"]
    assert is_signed(head.key, message, head.signature) == case["isSigned"]


@pytest.mark.parametrize("case", cases("statements", "rotations"))
def test_rotation_is_signed_or_not(case: dict[str, Any]) -> None:
    rotation = msgspec.convert(case["rotation"], Rotation)
    message = heads.rotation_statement(rotation)
    assert (None if message is None else message.decode()) == case["statement"]
    assert is_signed(rotation.from_, message, rotation.signature) == case["isSigned"]


def is_signed(key: str, message: bytes | None, signature: str) -> bool:
    public, raw = heads.key_bytes(key), heads.decoded(signature, 64)
    return not (message is None or public is None or raw is None) and verify(public, message, raw)


@pytest.mark.parametrize("case", cases("trust", "sequences"))
def test_heads_are_trusted_or_not(case: dict[str, Any]) -> None:
    trust = Trust(case["trusted"], verify, time=Clock(), terms=Terms())
    for each in case["heads"]:
        assert (trust.fault(msgspec.convert(each["head"], Head)) == "") == each["isTrusted"]


@pytest.mark.parametrize("case", cases("replicas", "sequences"))
def test_replica_does_what_each_step_expects(case: dict[str, Any]) -> None:
    terms, clock = case["terms"], Clock()
    kept = Terms(
        is_strict=terms["isStrict"],
        environment=terms["environment"],
        projections=terms["projections"],
        max_head_age_s=terms.get("maxHeadAgeS"),
    )
    trust = Trust(terms["trusted"], verify, time=clock, terms=kept)
    replica = VerifyingReplica(trust)
    for step in case["steps"]:
        clock.now = step["time"] / 1000
        actions: list[Action] = []
        if "restart" in step:
            stored = Snapshot.from_json(compact(step["restart"]))
            replica = VerifyingReplica(trust, snapshot=stored, known_at=step["knownAt"])
        else:
            frame = Frame(step["frame"]["event"], compact(step["frame"]["data"]))
            actions = replica.receive(frame, step["at"])
        age = replica.age(step["at"])
        assert {
            "actions": [told(action) for action in actions if not isinstance(action, Endorsed)],
            "position": None if replica.position is None else str(replica.position),
            "age": age,
        } == step["expect"], step["name"]


def told(action: Action) -> dict[str, Any]:
    match action:
        case Adopted(snapshot=snapshot, touched=touched):
            named = None if touched is None else sorted(map(list, touched))
            return {"do": "adopt", "position": str(snapshot.position), "touched": named}
        case Reported(kind=kind, is_refusal=is_refusal):
            return {"do": "refuse" if is_refusal else "report", "kind": str(kind)}
        case _:
            raise AssertionError(action)
