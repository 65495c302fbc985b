"""A folder of files on disk: read whole, sent to the server, and written so that a reader never sees half a file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from pennon.cli import output
from pennon.cli.connection import NO, WRONG_USE, Login, Server, fail, path
from pennon.control.files.folder import FOLDERS, MANIFEST, FileFault, Folder, read_folder
from pennon.control.files.nodes import MAX_BYTES

TIMEOUT_S = 300.0
_SHOWN = 50

FolderOf = Annotated[Path, typer.Argument(help="The folder with pennon.yaml.")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what is in Pennon and not in the files.")]
KeepOff = Annotated[
    bool, typer.Option("--keep-off", help="Leave flags off that the files have on, and that somebody turned off.")
]
TurnOn = Annotated[
    list[str] | None,
    typer.Option(help="Turn this flag on, though somebody turned it off. Repeat it.", show_default=False),
]
OtherProject = Annotated[
    str | None, typer.Option("--project", "-p", help="Another project than pennon.yaml names.", show_default=False)
]


def known_folder(folder: Path) -> Folder:
    """Return what *folder* says; end the command, telling all that is wrong, where it cannot be used."""
    found = read_folder(_files(folder))
    if found.faults:
        _refuse(folder, found.faults)
    return found


def send(  # where to, what, and why
    login: Login, folder: Folder, project: str | None, command: str, body: Mapping[str, Any], *, why: str = ""
) -> Any:
    """Send what *folder* says with the rest of *body* to the server, and return what it answers."""
    target = f"{path('projects', project or folder.project)}/files/{command}"
    sent = {"document": folder.document, **body}
    with Server(login) as server, output.working("Asking the server …"):
        return server.send(
            "POST",
            target,
            sent,
            query={"why": why or None},
            timeout_s=TIMEOUT_S,
            named=lambda place: _located(folder, place),
        )


def write_folder(folder: Path, files: Mapping[str, str]) -> tuple[int, int]:
    """Make *files* the files of *folder*; return how many were written, and how many that are over were deleted.

    Raises `OSError`. What is no .yaml file stays. Files that are the same already are not touched.
    """
    written = deleted = 0
    for name, text in files.items():
        target, data = folder / name, text.encode()
        if target.is_file() and target.read_bytes() == data:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name[:200]}.part")
        draft.write_bytes(data)
        draft.replace(target)
        written += 1
    for name in _names(folder):
        if name.endswith(".yaml") and name not in files:
            (folder / name).unlink()
            deleted += 1
    return written, deleted


def _files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        fail(f"{folder} is no folder", mend="name the folder with pennon.yaml in it", status=WRONG_USE)
    try:
        return {name: _read(folder / name) for name in _names(folder)}
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror or error}", status=WRONG_USE)


def _names(folder: Path) -> list[str]:
    """Return the names of what may be files of *folder*. Links to folders are not followed."""
    found = [MANIFEST] if (folder / MANIFEST).is_file() else []
    for part in FOLDERS:
        for place, _, names in os.walk(folder / part):
            found += [(Path(place) / name).relative_to(folder).as_posix() for name in names]
    return sorted(found)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _located(folder: Folder, place: str) -> str:
    return folder.located(place.removeprefix("/document"))


def _refuse(folder: Path, faults: tuple[FileFault, ...]) -> NoReturn:
    files = len({fault.file for fault in faults})
    problems = [
        {"path": f"{fault.place} {fault.path}".rstrip(), "message": fault.message, "mend": fault.mend}
        for fault in faults[:_SHOWN]
    ]
    where = f"{files} file{'s' if files > 1 else ''} of {folder}"
    output.problem({"detail": f"{where} cannot be used; nothing was changed.", "problems": problems})
    if len(faults) > _SHOWN:
        output.note(f"  … and {len(faults) - _SHOWN} more")
    raise typer.Exit(NO)
