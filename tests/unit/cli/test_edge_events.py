"""`pennon edge events`, on the folder of a node that does not run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pennon.cli.root import app
from pennon.edge.dead_letters import DeadLetters
from tests.unit.edge.test_dead_letters import dead


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    monkeypatch.setenv("PENNON_EDGE_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    made = DeadLetters(tmp_path / "events")
    for sequence in (1, 2):
        made.put(dead(sequence))
    return made


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["edge", "events", *arguments])
    assert done.exit_code == status, done.output
    return done.output


def test_letters_are_listed_with_why(letters: DeadLetters) -> None:
    shown = run("list")
    assert all(name in shown for name in letters.names())
    assert "bad" in shown
    listed = json.loads(run("list", "--json"))
    assert [(one["sequence"], one["environment"], one["why"]) for one in listed] == [
        (1, "shop/production", "bad"),
        (2, "shop/production", "bad"),
    ]
    assert listed[0]["receivedAt"].startswith("1970-01-01T00:00:01.001")


def test_letter_is_shown_whole(letters: DeadLetters) -> None:
    name = letters.names()[1]
    assert json.loads(run("show", name[:20]))["batch"]["sequence"] == 2
    assert "several" in run("show", ".json", status=1)
    assert "no dead letter" in run("show", "nothing", status=1)


def test_letter_or_all_of_them_are_sent_again(letters: DeadLetters) -> None:
    first, second = letters.names()
    assert "1 to be sent again" in run("retry", first)
    assert letters.names() == [second]
    assert "1 to be sent again" in run("retry", "--all")
    assert [name for name, _ in letters.sending_again()] == [first, second]
    assert "None" in run("list")


def test_file_that_somebody_spoiled_is_listed_as_such(letters: DeadLetters, tmp_path: Path) -> None:
    name = letters.names()[0]
    (tmp_path / "events" / "dead" / name).write_text("{")
    assert "cannot be read" in run("list")
    assert "cannot be read" in run("show", name, status=1)


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("arguments", [["retry"], ["retry", "a", "--all"], ["list", "--data", "/nowhere"]], ids=str)
def test_wrong_use_is_said(arguments: list[str]) -> None:
    assert "Error" in run(*arguments, status=2)
