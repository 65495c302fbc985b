"""What others wrote is shown and not obeyed: names and descriptions come to a terminal too."""

import json

import pytest
from rich.text import Text

from pennon.cli import output

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\r\u2028b"
CONTROLS = set("\x1b\x07\x9b\r\u2028")


def show() -> None:
    output.table(("name",), [(HOSTILE,), (Text(HOSTILE),)], empty="")
    output.table(("name",), [], empty=HOSTILE)
    output.fields({"name": HOSTILE})
    output.say(HOSTILE)
    output.done(HOSTILE)
    output.note(HOSTILE)
    output.error(HOSTILE, HOSTILE)
    output.problem({"detail": HOSTILE, "problems": [{"path": HOSTILE, "message": HOSTILE, "mend": HOSTILE}]})
    output.as_json({"name": HOSTILE})


def test_no_command_lets_a_terminal_obey_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    show()
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert "a" in text
        assert "[2J" in text
        assert not set(text) & CONTROLS


def test_json_says_what_it_was_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json({"name": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {"name": HOSTILE}


def test_colours_are_still_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.say("plain")
    output.error(HOSTILE)
    assert "\x1b[1;31mError" in capsys.readouterr().err
