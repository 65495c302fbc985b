"""Dead letters: a file each, bounded, and sent again by being moved."""

import json
from pathlib import Path

import msgspec
import pytest

from pennon.edge.dead_letters import DeadLetter, DeadLetters
from pennon.ingest.forward import Letter


def dead(sequence: int, *, padding: int = 0) -> DeadLetter:
    batch = msgspec.json.encode({"instance": "i1", "sequence": sequence, "sdk": "x" * padding})
    letter = Letter("shop/production", "k" * 64, 1000 + sequence, batch, "i1", sequence, ("0" * 16,))
    return DeadLetter.of(letter, why="bad", at="2026-01-01T00:00:00.000+00:00", upstream="http://hub")


def test_file_tells_a_person_all_there_is(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.put(dead(1))
    (name,) = letters.names()
    told = json.loads((tmp_path / "dead" / name).read_text())
    assert (told["why"], told["at"][:4], told["upstream"]) == ("bad", "2026", "http://hub")
    assert (told["environment"], told["receivedAt"], told["batch"]["sequence"]) == ("shop/production", 1001, 1)
    assert letters.read(name).letter == dead(1).letter


def test_same_batch_is_one_file_however_often_it_dies(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.put(dead(1))
    letters.put(dead(1))
    letters.put(dead(2))
    assert len(letters.names()) == 2


def test_oldest_go_when_there_are_too_many_but_never_the_newest(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, max_bytes=3000)
    gone = [letters.put(dead(sequence, padding=500)) for sequence in range(1, 8)]
    left = [letters.read(name).sequence for name in letters.names()]
    assert left == list(range(8 - len(left), 8))
    assert sum(gone) == 7 - len(left) > 0
    assert letters.size() <= 3000
    assert letters.put(dead(0, padding=9000)) == len(left)
    assert [letters.read(name).sequence for name in letters.names()] == [0]


def test_letter_is_sent_again_once(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.put(dead(1))
    (name,) = letters.names()
    letters.send_again(name)
    assert letters.names() == []
    assert [(found, letter and letter.sequence) for found, letter in letters.sending_again()] == [(name, 1)]
    letters.sent(name)
    letters.sent(name)
    assert list(letters.sending_again()) == []


def test_letter_that_dies_again_is_never_in_both_places(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.put(dead(1))
    (name,) = letters.names()
    letters.send_again(name)
    letters.put(dead(1), again=name)
    assert (letters.names(), list(letters.sending_again())) == ([name], [])
    (tmp_path / "again" / "renamed.json").write_bytes((tmp_path / "dead" / name).read_bytes())
    letters.put(dead(1), again="renamed.json")
    assert (letters.names(), list(letters.sending_again())) == ([name], [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xff", b"[" * 100_000])
def test_file_that_somebody_spoiled_is_told_apart(tmp_path: Path, content: bytes) -> None:
    letters = DeadLetters(tmp_path)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a.json").write_bytes(content)
    assert list(letters.sending_again()) == [("a.json", None)]


def test_nothing_died_yet(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "missing")
    assert (letters.names(), letters.size(), list(letters.sending_again())) == ([], 0, [])


def test_a_dead_letter_has_no_contexts_in_it() -> None:
    batch = b'{"instance":"i","sequence":1,"counters":[],"contexts":[{"time":1,"context":{"targetingKey":"anna"}}]}'
    letter = Letter(environment="a/b", key_hash="k", received_at=1, batch=batch, instance="i", sequence=1)
    dead = DeadLetter.of(letter, why="bad", at="2026-01-01T00:00:00.000+00:00", upstream="http://hub")
    assert dead.letter.batch == b'{"instance":"i","sequence":1,"counters":[]}'
