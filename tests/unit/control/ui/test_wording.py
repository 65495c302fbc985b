"""Plans and edits are told in words."""

from datetime import UTC, datetime

import msgspec
import pytest

from pennon.control.changes.edits import AnyEdit
from pennon.control.schedules.plans import Once, Plan, Step, Timetable, Week, WeeklyStep, Window
from pennon.control.ui.wording import edit_text, plan_parts, plan_text

AT = datetime(2030, 12, 2, 8, tzinfo=UTC)


def edit(text: str) -> AnyEdit:
    found: AnyEdit = msgspec.json.decode(text, type=AnyEdit)
    return found


ON, OFF = edit('{"do":"turnOn","flag":"a"}'), edit('{"do":"turnOff","flag":"a"}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"do":"turnOn","flag":"a"}', "turn a on"),
        ('{"do":"turnOff","flag":"a"}', "turn a off"),
        ('{"do":"setWeights","flag":"a","weights":{"on":12500,"off":87500}}', "a serves 12.5 % on, 87.5 % off"),
        ('{"do":"setWeights","flag":"a","rule":"r","weights":{"on":100000}}', "a serves 100 % on by rule r"),
        ('{"do":"setCritical","flag":"a","critical":true}', "setCritical a critical true"),
        ('{"do":"deleteSegment","segment":"beta"}', "deleteSegment beta"),
    ],
)
def test_an_edit_is_told_in_words(text: str, said: str) -> None:
    assert edit_text(edit(text)) == said


@pytest.mark.parametrize(
    ("plan", "said", "parts"),
    [
        (Once(at=AT, edits=(ON,)), "once, at 2030-12-02 08:00 UTC", 1),
        (Timetable(steps=(Step(at=AT, edits=(ON,)),)), "1 step from 2030-12-02 08:00 UTC", 1),
        (
            Window(days=("mon",), start="09:00", until="17:00", zone="UTC", edits=(ON,), end_edits=(OFF,)),
            "mon from 09:00 until 17:00, UTC",
            2,
        ),
        (Week(zone="UTC", steps=(WeeklyStep(at="fri 16:00", edits=(OFF,)),)), "every week fri 16:00, UTC", 1),
    ],
)
def test_a_plan_is_told_in_words(plan: Plan, said: str, parts: int) -> None:
    assert plan_text(plan) == said
    assert len(plan_parts(plan)) == parts
