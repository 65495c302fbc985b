"""Keeps, in a project's log, which files were applied to an environment last, and where its logs stood then."""

from pennon.control.environments.ownership import AppliedFiles, Origin
from pennon.control.log import EnvironmentName, Reading, Writing, project_log

KIND = "files"
APPLY = "applyFiles"
"""The action of a change that files made."""


def applied_files(reading: Reading, name: EnvironmentName) -> AppliedFiles | None:
    """Return what was applied to an environment last; None: nothing ever was."""
    stored = reading.item(project_log(name.project), KIND, name.environment)
    return None if stored is None else stored.read(AppliedFiles)


def applied_now(
    reading: Reading, name: EnvironmentName, origin: Origin, *, kept_off: tuple[str, ...] = ()
) -> AppliedFiles:
    """Return that files are applied to an environment as its logs stand now."""
    heads = reading.head(name.log), reading.head(project_log(name.project))
    revision, definitions = (0 if head is None else head.revision for head in heads)
    return AppliedFiles(
        key=name.environment,
        source=origin.source,
        commit=origin.commit,
        revision=revision,
        definitions=definitions,
        kept_off=kept_off,
    )


def note_applied(writing: Writing, project: str, applied: AppliedFiles) -> None:
    """Keep what was applied to an environment."""
    writing.put(project_log(project), KIND, applied)
