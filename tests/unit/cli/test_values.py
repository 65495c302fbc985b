"""What people type and what their files hold: read, or refused with what to do about it."""

from pathlib import Path

import pytest
import typer

from pennon.cli.connection import WRONG_USE, Login, encoded, scope
from pennon.cli.values import parse_pair, parse_shares, read_json

LOGIN = Login(url="http://127.0.0.1:1", token="", project="default", environment="production")


def refusal(capsys: pytest.CaptureFixture[str], caught: pytest.ExceptionInfo[typer.Exit]) -> str:
    assert caught.value.exit_code == WRONG_USE
    said = capsys.readouterr().err
    assert "  → " in said, "it says what to do"
    return said


@pytest.mark.parametrize(
    "share", ["NaN", "sNaN", "Infinity", "-inf", "-1", "101", "0.0001", "ten", "1e999999", "1e99999"]
)
def test_what_is_no_share_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        parse_shares([f"on={share}", "off="])
    assert f"on={share}" in refusal(capsys, caught)


def test_shares_may_leave_one_to_be_the_rest() -> None:
    assert parse_shares(["on=12.5", "off="]) == {"on": 12_500, "off": 87_500}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"do": "turnOn"', "line 1, column 16: expected"),
        (b"a: [1\nb: 2", "line 2, column 2: expected"),
        (b'[{"do": "turnOn",\n  "flag": "a", "flag": "b"}]', "line 2, column 16: 'flag' is there twice"),
        (b"a: !!python/object:os.system {}", "line 1, column 4: could not determine a constructor"),
        (b'a: "\xff"', "is not UTF-8 at byte 4"),
        (b"a: \x07", "neither JSON nor YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_the_place(
    text: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edits.yaml"
    file.write_bytes(text)
    with pytest.raises(typer.Exit) as caught:
        read_json(str(file))
    assert says in refusal(capsys, caught)


def test_a_value_that_says_two_things_of_one_member_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_pair('dark={"a": 1}') == ("dark", {"a": 1})
    with pytest.raises(typer.Exit) as caught:
        parse_pair('dark={"a": 1, "a": 2}')
    assert "/a: this member is there more than once" in refusal(capsys, caught)


def test_a_file_that_is_not_there_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        read_json(str(tmp_path / "none.json"))
    assert f"{tmp_path / 'none.json'} cannot be read: No such file or directory\n" in refusal(capsys, caught)


def contains_itself() -> list[object]:
    itself: list[object] = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"flag": "check\udcffout"}, "'check\\udcffout' is not UTF-8"),
        (contains_itself(), "contains itself"),
        ({(1, 2): "a"}, "cannot be JSON"),
    ],
)
def test_what_cannot_be_sent_ends_the_command(body: object, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        encoded(body)
    assert says in refusal(capsys, caught)


@pytest.mark.parametrize(
    ("project", "environment", "option"),
    [("a/b", None, "--project"), (None, "../../etc", "--env"), (None, "..", "--env")],
)
def test_what_is_no_key_leads_nowhere(
    project: str | None, environment: str | None, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught:
        scope(LOGIN, project, environment)
    assert option in refusal(capsys, caught)
