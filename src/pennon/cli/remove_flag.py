"""`pennon remove-flag`: rewrites Python so that a flag is gone and one of its variations stays."""

import difflib
import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from pennon.cli import options, output
from pennon.cli.connection import WRONG_USE, Server, fail, known_login, path, scope
from pennon.cli.scan import scanned
from pennon.codemod import CodemodError, conventions_of
from pennon.codemod.files import finish, is_unfinished, write
from pennon.codemod.removal import Change, Kept, Plan, plan_removal
from pennon.codemod.tree import changed_paths

app = typer.Typer(add_completion=False)

Key = Annotated[str, typer.Argument(help="The flag's key.", show_default=False)]
Root = Annotated[Path, typer.Argument(help="The folder of the code base.", show_default=False)]
Keep = Annotated[str, typer.Option("--keep", "-k", help="The variation that stays.", show_default=False)]
Value = Annotated[
    str | None,
    typer.Option(help="The value of the variation as JSON, instead of asking the server.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")]
Uncommitted = Annotated[
    bool, typer.Option("--uncommitted", help="Write also files whose changes git has no commit of.")
]
_SHOWN = 20
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@app.command("remove-flag")
def remove_flag(
    key: Key,
    keep: Keep,
    root: Root = Path(),
    value: Value = None,
    dry_run: DryRun = False,
    uncommitted: Uncommitted = False,
    yes: options.Yes = False,
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """Take a flag out of Python code: branches are folded, and what nothing needs any more is dropped.

    The code does what it did while everybody got the variation. What cannot be folded safely is left or becomes the
    value, and is listed, as are the places in other languages. Shows a diff first and asks; where nobody can be
    asked, nothing is written without --yes.

    As in: pennon remove-flag new-checkout --keep on src
    """
    if not root.is_dir():
        fail(f"{root} is no folder", mend="name the folder of the code base", status=WRONG_USE)
    if not dry_run and is_unfinished(root):
        _finish(root, yes=yes)
    kept = Kept(key, keep, _value(key, keep, value, project))
    found = scanned(root, {key})
    plan = plan_removal(root, found, kept, conventions_of(root))
    if not json:
        _show(plan, kept)
    is_written = (
        bool(plan.changes) and not dry_run and _may_write(root, plan, uncommitted=uncommitted, yes=yes, json=json)
    )
    if is_written:
        _write(root, plan)
    if json:
        output.as_json(_document(plan, kept, is_written=is_written))
    else:
        _tell(plan, kept, dry_run=dry_run, is_written=is_written)


def _value(key: str, keep: str, value: str | None, project: str | None) -> Any:
    """Return the value of the variation *keep*: as it was given, else as the server has it."""
    if value is not None:
        try:
            return json_module.loads(value)
        except ValueError:
            fail(f"{value!r} is no JSON", mend="""as in --value true, --value '"blue"'""", status=WRONG_USE)
    login = known_login()
    with Server(login) as server:
        definition = server.read(f"{scope(login, project, whole=True)}/{path('flags', key)}")
    values = {each["key"]: each["value"] for each in definition["variations"]}
    if keep not in values:
        fail(f"{key} has no variation {keep!r}", mend=f"one of: {', '.join(values)}", status=WRONG_USE)
    return values[keep]


def _finish(root: Path, *, yes: bool) -> None:
    output.note("an earlier removal was interrupted while it wrote")
    if not yes and (not _is_asked() or not typer.confirm("Finish it?", err=True)):
        fail("it has to be finished first", mend="run this with --yes, or delete .pennon-removal.json")
    try:
        changed = finish(root)
    except CodemodError as error:
        fail(str(error), mend="look at `git diff`, then delete the file")
    _warn(changed)


def _may_write(root: Path, plan: Plan, *, uncommitted: bool, yes: bool, json: bool) -> bool:
    if not plan.changes or not (yes or (_is_asked() and not json)):
        return False
    dirty = set() if uncommitted else (changed_paths(root) or set())
    if mixed := [each.path for each in plan.changes if each.path in dirty]:
        fail(
            f"git has no commit of the changes in {', '.join(mixed)}",
            mend="commit or stash them, so that the removal can be looked at alone; or add --uncommitted",
        )
    return yes or typer.confirm(f"Write {_files(len(plan.changes))}?", err=True)


def _write(root: Path, plan: Plan) -> None:
    try:
        changed = write(root, [each.edition for each in plan.changes])
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", mend="mend it and run this again: it goes on where it ended")
    _warn(changed)


def _warn(changed: tuple[str, ...]) -> None:
    for each in changed:
        output.error(f"{each} was changed meanwhile and stays as it is", mend="run this again")


def _is_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show(plan: Plan, kept: Kept) -> None:
    for each in plan.changes:
        for line in _diff(each):
            output.console().print(Text(line.rstrip("\r\n"), style=_style(line)))
    if plan.by_hand:
        output.console().print(Text("\nTo look at by hand:" if plan.changes else "To look at by hand:", style="bold"))
    for file, notes in plan.notes.items():
        for note in notes:
            _place(f"{file}:{note.line}", note.code, note.reason)
    for reference in plan.left:
        _place(f"{reference.file}:{reference.line}", reference.call, "not Python: remove it here yourself")
    for file, why in plan.unread.items():
        _place(file, "", f"stays as it is: {why}")
    if plan.dynamic:
        question = f"\nThese keys are made while the program runs; is one of them {kept.flag}?"
        output.console().print(Text(question, style="bold"))
        for reference in plan.dynamic[:_SHOWN]:
            _place(f"{reference.file}:{reference.line}", reference.call, "")
        if len(plan.dynamic) > _SHOWN:
            output.note(f"  and {len(plan.dynamic) - _SHOWN} more: pennon scan")


def _place(where: str, code: str, reason: str) -> None:
    output.console().print(Text.assemble("  ", (where, "bold"), (f"  {code}" if code else "", "")))
    if reason:
        output.console().print(Text(f"    {reason}", style="dim"))


def _diff(change: Change) -> list[str]:
    before, after = (text.splitlines(keepends=True) for text in (change.before, change.after))
    return list(difflib.unified_diff(before, after, f"a/{change.path}", f"b/{change.path}"))


def _style(line: str) -> str:
    return "bold" if line.startswith(("+++", "---")) else _STYLES.get(line[:1], "")


def _tell(plan: Plan, kept: Kept, *, dry_run: bool, is_written: bool) -> None:
    if not plan.changes:
        found = f"Nothing of {kept.flag} can be folded here." if plan.by_hand else f"No code here names {kept.flag}."
        output.say(found)
    elif is_written:
        output.done(f"{_files(len(plan.changes))} rewritten; {kept.variation} is what {kept.flag} was")
    else:
        output.note(f"nothing was written{'' if dry_run else ': add --yes'}")
        return
    by_hand = "do what is listed above, " if plan.by_hand else ""
    output.note(f"Next: {by_hand}run your tests, deploy, and when nothing asks for the flag any more:")
    output.note(f"  pennon flag archive {kept.flag}")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _document(plan: Plan, kept: Kept, *, is_written: bool) -> object:
    return {
        "flag": kept.flag,
        "variation": kept.variation,
        "value": kept.value,
        "written": is_written,
        "files": [{"path": each.path, "diff": "".join(_diff(each))} for each in plan.changes],
        "notes": [{"file": file, "notes": notes} for file, notes in plan.notes.items()],
        "left": plan.left,
        "dynamic": plan.dynamic,
        "unread": plan.unread,
    }
