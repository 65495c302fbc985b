"""Plans and edits in words, where nothing was changed yet that sentences could be read off. Pure."""

from datetime import UTC, datetime

import msgspec

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff, TurnOn
from pennon.control.changes.split_edits import SetWeights
from pennon.control.changes.summary import shortened
from pennon.control.schedules.plans import Once, Plan, Timetable, Window
from pennon.model import WEIGHT_TOTAL

_MOST = 20


class Part(msgspec.Struct, frozen=True):
    """A part of a plan: when it comes, and what is made then; `more` edits are not told."""

    when: str
    edits: tuple[str, ...]
    more: int = 0


def plan_text(plan: Plan) -> str:
    """Return in a few words when a plan does something."""
    if isinstance(plan, Once):
        return f"once, at {_time(plan.at)}"
    if isinstance(plan, Timetable):
        count = len(plan.steps)
        return f"{count} step{'' if count == 1 else 's'} from {_time(plan.steps[0].at)}"
    if isinstance(plan, Window):
        return f"{', '.join(plan.days)} from {plan.start} until {plan.until}, {plan.zone}"
    return f"every week {', '.join(step.at for step in plan.steps[:5])}, {plan.zone}"


def plan_parts(plan: Plan) -> list[Part]:
    """Return the parts of a plan in words."""
    if isinstance(plan, Once):
        return [_part(f"at {_time(plan.at)}", plan.edits)]
    if isinstance(plan, Window):
        start = _part(f"at {plan.start}, when it starts", plan.edits)
        return [start, _part(f"at {plan.until}, when it ends", plan.end_edits)]
    if isinstance(plan, Timetable):
        return [_part(f"at {_time(step.at)}", step.edits) for step in plan.steps]
    return [_part(f"{step.at}, {plan.zone}", step.edits) for step in plan.steps]


def edit_text(edit: AnyEdit) -> str:
    """Return what an edit does: as a sentence where it is a frequent one, else its word, its item and its values."""
    if isinstance(edit, TurnOn | TurnOff):
        return f"turn {edit.flag} {'on' if isinstance(edit, TurnOn) else 'off'}"
    if isinstance(edit, SetWeights):
        shares = ", ".join(f"{weight * 100 / WEIGHT_TOTAL:g} % {key}" for key, weight in edit.weights.items())
        where = f" by rule {edit.rule}" if edit.rule else ""
        return f"{edit.flag} serves {shares}{where}"
    said = msgspec.to_builtins(edit)
    word = said.pop("do")
    item = next((said.pop(kind) for kind in ("flag", "segment", "layer") if isinstance(said.get(kind), str)), "")
    values = ", ".join(f"{name} {msgspec.json.encode(value).decode()}" for name, value in said.items())
    return shortened(" ".join(each for each in (str(word), str(item), values) if each))


def _part(when: str, edits: tuple[AnyEdit, ...]) -> Part:
    return Part(when, tuple(edit_text(edit) for edit in edits[:_MOST]), max(0, len(edits) - _MOST))


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
