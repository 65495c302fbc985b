import pytest
import typer

from pennon.cli.times import parse_time, parse_window
from pennon.control.environments.protection import DAYS


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-01 09:00 Europe/Berlin", "2026-12-01T09:00:00+01:00"),
        ("2026-07-01T09:00 Europe/Berlin", "2026-07-01T09:00:00+02:00"),
        ("2026-03-29 02:30 Europe/Berlin", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25 02:30 Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00:00-05:00", "2026-12-01T09:00:00-05:00"),
    ],
)
def test_a_time_is_of_the_clock_on_the_wall_of_its_zone(text: str, meant: str) -> None:
    assert parse_time(text) == meant


@pytest.mark.parametrize(
    "text", ["2026-12-01 09:00", "2026-12-01", "tomorrow", "2026-13-01 09:00 UTC", "2026-12-01 09:00 X"]
)
def test_a_time_without_a_zone_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        parse_time(text)
    assert ended.value.exit_code == 2
    assert "Europe/Berlin" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri 16:00-18:00 Europe/Berlin", list(DAYS[:5])),
        ("sat,sun 16:00-18:00 Europe/Berlin", ["sat", "sun"]),
        ("fri-mon 16:00-18:00 Europe/Berlin", ["fri", "sat", "sun", "mon"]),
        ("daily 16:00-18:00 Europe/Berlin", list(DAYS)),
        ("mon,mon-tue 16:00-18:00 Europe/Berlin", ["mon", "tue"]),
    ],
)
def test_a_window_names_its_days(text: str, days: list[str]) -> None:
    window = {"kind": "window", "days": days, "start": "16:00", "until": "18:00", "zone": "Europe/Berlin"}
    assert parse_window(text) == window


@pytest.mark.parametrize("text", ["mon 16:00 UTC", "someday 16:00-18:00 UTC", "mon-x 16:00-18:00 UTC", ""])
def test_what_is_no_window_is_told_how_to_write_one(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        parse_window(text)
    assert "'mon-fri 16:00-18:00 Europe/Berlin'" in capsys.readouterr().err
