"""What was changed in Pennon since its files were applied last: read from the log. Nothing is written here."""

from collections.abc import Iterator

import msgspec

from pennon.control.changes.diff import ItemChange, Texts, diff_all
from pennon.control.environments.applied import APPLY
from pennon.control.environments.ownership import AppliedFiles
from pennon.control.log import Change, EnvironmentName, Reading, project_log
from pennon.control.working.state import ARCHIVED
from pennon.model import Flag

SERVED = ("flag", "segment", "layer", ARCHIVED)
_PAGE = 500


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """How an item is different from what it was when files were applied, and the changes that made it so."""

    item: ItemChange
    changes: tuple[Change, ...]


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """That a flag, which files have on, was turned off by somebody in Pennon. `change` is the one that did it.

    None: it was left off by an earlier `apply`, and what turned it off is not found any more.
    """

    environment: str
    flag: str
    change: Change | None


def drift(reading: Reading, name: EnvironmentName, applied: AppliedFiles) -> tuple[Drifted, ...]:
    """Return what is different now in an environment, and in the project's flags, from what *applied* left."""
    return (
        *_differences(reading, project_log(name.project), applied.definitions, ("definition",)),
        *_differences(reading, name.log, applied.revision, SERVED),
    )


def changes_since(reading: Reading, log: str, revision: int, kinds: tuple[str, ...]) -> Iterator[Change]:
    """Yield the changes of *log* after *revision* that touched an item of *kinds*, oldest first."""
    while found := reading.changes(log, after=revision, limit=_PAGE):
        yield from (change for change in found if any(edit.kind in kinds for edit in change.edits))
        revision = found[-1].revision


def killed(reading: Reading, name: EnvironmentName, flag: str, applied: AppliedFiles | None) -> Kill | None:
    """Return that *flag*, which is off, was turned off since files were applied last; None: it was off before.

    Where nothing was ever applied, what turned it off at any time counts: nobody can have meant to overrule it.
    """
    is_kept_off = applied is not None and flag in applied.kept_off
    since = applied.revision if applied is not None and not is_kept_off else 0
    before: int | None = None
    while found := reading.latest(name.log, before=before, limit=_PAGE, item=("flag", flag)):
        for change in found:
            if change.revision <= since:
                break
            if _took_away(change, flag):
                return Kill(environment=name.environment, flag=flag, change=change)
        before = found[-1].revision
        if before <= since or len(found) < _PAGE:
            break
    return Kill(environment=name.environment, flag=flag, change=None) if is_kept_off else None


def _took_away(change: Change, flag: str) -> bool:
    """Return whether *change* turned *flag* off, or archived it while it was on: it comes back off."""
    edits = (edit for edit in change.edits if (edit.kind, edit.key) == ("flag", flag))
    return any(_is_on(edit.before) and not _is_on(edit.after) for edit in edits)


def _is_on(text: bytes | None) -> bool:
    return text is not None and msgspec.json.decode(text, type=Flag).on


def _differences(reading: Reading, log: str, revision: int, kinds: tuple[str, ...]) -> Iterator[Drifted]:
    """Yield what is different, and not by files, from what *log* held at *revision*."""
    texts: dict[tuple[str, str], Texts] = {}
    by: dict[tuple[str, str], list[Change]] = {}
    for change in changes_since(reading, log, revision, kinds):
        for edit in change.edits:
            name = (edit.kind, edit.key)
            if change.action == APPLY:  # files of another environment share the project's flags with these
                texts.pop(name, None)
                by.pop(name, None)
            elif edit.kind in kinds:
                texts[name] = (texts[name][0] if name in texts else edit.before, edit.after)
                by.setdefault(name, []).append(change)
    for item in diff_all(texts):
        kept = by.get((ARCHIVED, item.key), []) if item.kind == "flag" else []  # both are told as one
        found = {change.revision: change for change in (*by.get((item.kind, item.key), []), *kept)}
        yield Drifted(item=item, changes=tuple(change for _, change in sorted(found.items())))
