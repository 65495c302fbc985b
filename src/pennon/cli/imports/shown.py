"""How plans and comparisons are shown: tables for people, JSON for machines."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from rich.text import Text

from pennon.cli import output
from pennon.importers import Fidelity, Note, Plan
from pennon.importers.proposal import Action, Proposal, ProposedItem
from pennon.importers.verify import Answer, Difference, Report

MOST = 100
"""How many lines of one kind are shown to people; JSON has all."""
_WARNINGS = 10
_STYLES = {Fidelity.EXACT: "green", Fidelity.CONDITIONAL: "yellow", Fidelity.IMPOSSIBLE: "red"}


def plan(plan: Plan, found: Proposal) -> None:
    """Print what becomes of each flag, those with something to say first, why, and what is counted."""
    flags = sorted((item for item in found.items if item.kind == "flag"), key=_interest)
    segments = [item for item in found.items if item.kind == "segment"]
    output.table(("flag", "how faithful", "becomes"), map(_row, flags[:MOST]), empty="The file has no flags.")
    if len(flags) > MOST:
        output.note(f"… and {len(flags) - MOST} more ({_fidelities(flags[MOST:])}); --json lists all")
    output.say("")
    _limited([line for item in (*flags, *segments) for line in _because(item)])
    _limited([f"note: {_placed(note)}" for note in plan.notes])
    output.say(f"Flags: {_fidelities(flags)}.  {_actions(flags)}")
    if segments:
        output.say(f"Segments: {len(segments)}.  {_actions(segments)}")
    if found.absent:
        named = ", ".join(found.absent[:5]) + (" …" if len(found.absent) > 5 else "")
        output.note(f"No longer in the file, and left as they are: {count(len(found.absent), 'flag')} ({named})")


def differences(preview: Mapping[str, Any], updated: Collection[tuple[str, str]]) -> None:
    """Print in sentences what an import would alter in the items that are there already."""
    named = [item for item in preview["items"] if (item["kind"], item["key"]) in updated]
    sentences = [sentence for item in named for sentence in item["sentences"]]
    if sentences:
        output.say("")
    for sentence in sentences[:MOST]:
        output.say(sentence)
    if len(sentences) > MOST:
        output.note(f"… and {len(sentences) - MOST} more; --json lists all")


def warnings(found: Sequence[Mapping[str, str]]) -> None:
    """Print what the server finds odd in what was imported; it was odd at the vendor's, too."""
    lines = [f"warning: {each['path']}: {each['message']} [{each['code']}]" for each in found]
    for line in lines[:_WARNINGS]:
        output.note(line)
    if len(lines) > _WARNINGS:
        output.note(f"… and {count(len(lines) - _WARNINGS, 'warning')} more: pennon flag lint")


def as_json(plan: Plan, found: Proposal) -> dict[str, Any]:
    """Return a plan and what becomes of it as one JSON value."""
    flags = [item for item in found.items if item.kind == "flag"]
    return {
        "vendor": plan.vendor,
        "dialect": plan.dialect,
        "exact": plan.is_exact,
        "counts": {fidelity.value: sum(item.fidelity is fidelity for item in flags) for fidelity in Fidelity},
        "items": msgspec.to_builtins(found.items),
        "notes": msgspec.to_builtins(plan.notes),
        "absent": list(found.absent),
    }


def count(number: int, noun: str) -> str:
    """Return *number* of them in words: `1 flag`, `2 flags`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(found: Proposal) -> str:
    """Return in words what an import did, as in `12 flags and 2 segments are imported`."""
    written = found.of(Action.CREATE, Action.UPDATE)
    counts = {kind: sum(item.kind == kind for item in written) for kind in ("flag", "segment")}
    parts = [count(number, kind) for kind, number in counts.items() if number]
    return f"{' and '.join(parts)} {'are' if len(written) > 1 else 'is'} imported"


_SERVED = (
    "somebody may have changed them in Pennon since: pennon change list --flag FLAG. "
    "Without --served, the import itself is compared"
)
_IMPORTED = "do not switch them over: it is the import that is wrong, please report it with the flag as the file has it"


def report(found: Report, *, is_served: bool) -> None:
    """Print what a comparison with a vendor's SDK found. *is_served*: of what an environment has, by whoever's hand."""
    bad = [flag for flag in found.flags if flag.differences]
    rows = [(flag.source, flag.fidelity.value, f"{flag.differences:,} of {flag.evaluations:,}") for flag in bad[:MOST]]
    if rows:
        output.table(("flag", "planned as", "differ"), rows, empty="")
    for flag in bad[:MOST]:
        for sample in flag.samples:
            _sample(flag.source, sample)
    for key in found.left_out:
        output.note(f"not compared: {key} cannot be carried")
    if found.lots:
        output.note(f"{found.lots:,} evaluations were left to chance by {found.sdk}: there, nothing can be compared")
    flags = count(len(found.flags), "flag")
    asked = f"{found.evaluations:,} evaluations of {flags}, beside {found.sdk} (seed {found.seed})"
    if found.differences:
        output.say(f"\n{asked}: {found.differences:,} differ, in {count(len(bad), 'flag')}.")
        output.note(f"→ {_SERVED if is_served else _IMPORTED}")
    else:
        output.done(f"{asked}: not one differs")


def _sample(flag: str, sample: Difference) -> None:
    output.say(f"\n{flag}, the {sample.aspect}, for the context {output.sentence(sample.context)}")
    output.fields({"  Pennon": _answer(sample.pennon), "  vendor": _answer(sample.vendor)})


def _answer(answer: Answer) -> str:
    said = "the caller's default" if answer.default else output.sentence(answer.value)
    variation = "" if answer.variation is None else f" (variation {output.sentence(answer.variation)})"
    return f"{said}{variation}{f' – {answer.error}' if answer.error else ''}"


def _row(item: ProposedItem) -> tuple[object, ...]:
    fidelity = item.fidelity or Fidelity.EXACT
    name = item.key if item.key == item.source else f"{item.key} (of {item.source})"
    return name, Text(fidelity.value, style=_STYLES[fidelity]), item.action.value


def _because(item: ProposedItem) -> list[str]:
    """Return the conditions and reasons of *item*, one a line."""
    name = item.key if item.kind == "flag" else f"segment {item.key}"
    said = [_placed(note) for note in item.notes]
    if item.why and item.fidelity is not Fidelity.IMPOSSIBLE:
        said.insert(0, item.why)
    return [f"{name}: {line}" for line in said]


def _placed(note: Note) -> str:
    return f"{note.message} ({note.path})" if note.path else note.message


def _limited(lines: list[str]) -> None:
    for line in lines[:MOST]:
        output.note(line)
    if len(lines) > MOST:
        output.note(f"… and {len(lines) - MOST} more; --json lists all")


def _interest(item: ProposedItem) -> tuple[int, int, str]:
    faithful = (Fidelity.IMPOSSIBLE, Fidelity.CONDITIONAL, Fidelity.EXACT).index(item.fidelity or Fidelity.EXACT)
    changed = (Action.LEAVE_OUT, Action.UPDATE, Action.CREATE, Action.KEEP).index(item.action)
    return min(faithful, 2 if item.action is not Action.LEAVE_OUT else 0), changed, item.key


def _fidelities(items: Collection[ProposedItem]) -> str:
    counts = {fidelity: sum(item.fidelity is fidelity for item in items) for fidelity in Fidelity}
    return ", ".join(f"{count} {fidelity.value}" for fidelity, count in counts.items() if count) or "none"


def _actions(items: Collection[ProposedItem]) -> str:
    words = {Action.CREATE: "new", Action.UPDATE: "to change", Action.KEEP: "as they are", Action.LEAVE_OUT: "left out"}
    counts = {word: sum(item.action is action for item in items) for action, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
