"""`pennon export`: an environment's state as JSON that SDKs can read, a project as files to keep in a repository, or
as the manifest of which the OpenFeature CLI makes typed accessors.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pennon.cli import options, output
from pennon.cli.connection import WRONG_USE, Login, Server, fail, known_login, scope
from pennon.cli.folders import TIMEOUT_S, write_folder
from pennon.control.files.document import Document
from pennon.control.files.folder import MANIFEST, files_of, manifest_of

app = typer.Typer(add_completion=False)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it. Left out: standard output.", show_default=False)
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            help="Write YAML files for `pennon plan` and `pennon apply` into this folder, in place of those there.",
            show_default=False,
        ),
    ] = None,
    openfeature_manifest: Annotated[
        bool,
        typer.Option("--openfeature-manifest", help="Write the project's flags as the OpenFeature CLI reads them."),
    ] = False,
    revision: Annotated[int | None, typer.Option(help="As of this revision.")] = None,
    time: Annotated[str | None, typer.Option(help="As of this time, as in 2026-11-03T14:02:00Z.")] = None,
    project: options.Project = None,
    environment: options.Environment = None,
) -> None:
    """Write the whole state of an environment: flags, segments and layers, as SDKs receive them.

    The file works as `Client(file=…)` and in tests. With --files, write a project as YAML to keep in a repository:
    of all environments, of those that its pennon.yaml names, or of --env. Comments in those files are lost.
    With --openfeature-manifest, write what `openfeature generate` makes typed accessors of.
    """
    login = known_login()
    if files is not None:
        if file is not None or revision is not None or time is not None or openfeature_manifest:
            raise typer.BadParameter("goes with no other file, revision or time", param_hint="--files")
        return _write_files(login, files, project, environment)
    if openfeature_manifest and (revision is not None or time is not None):
        raise typer.BadParameter("goes with no revision or time", param_hint="--openfeature-manifest")
    with Server(login) as server:
        if openfeature_manifest:
            state = server.read(f"{scope(login, project, whole=True)}/openfeature-manifest")
        else:
            state = server.read(f"{scope(login, project, environment)}/state", revision=revision, time=time)
    text = msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"
    if file is None:
        typer.echo(text, nl=False)
        return None
    draft = file.with_name(f".{file.name}.part")
    draft.write_bytes(text)
    draft.replace(file)
    at = "" if openfeature_manifest else f" at revision {state['revision']}"
    output.done(f"{len(state['flags'])} flags{at} are in {file}")
    return None


def _write_files(login: Login, folder: Path, project: str | None, environment: str | None) -> None:
    known = _known(folder)
    of_project = project or (known[0] if known else login.project)
    if known and known[0] != of_project:
        mend = "name another folder, or delete this one first"
        fail(f"{folder} has the files of project {known[0]}, not of {of_project}", mend=mend, status=WRONG_USE)
    environments = (environment,) if environment else known[1] if known else ()
    with Server(login) as server:
        target = f"{scope(login, of_project, whole=True)}/files"
        found = server.send("GET", target, query={"environments": ",".join(environments)}, timeout_s=TIMEOUT_S)
    document = msgspec.convert(found, Document)
    try:
        written, deleted = write_folder(folder, files_of(document, of_project))
    except OSError as error:
        fail(f"{error.filename or folder} cannot be written: {error.strerror or error}", status=WRONG_USE)
    gone = f", {deleted} of what is no more deleted" if deleted else ""
    flags = "1 flag is" if len(document.flags) == 1 else f"{len(document.flags)} flags are"
    output.done(f"{flags} in {folder}: {written} files written{gone}")


def _known(folder: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return the project and environments whose files *folder* has; None: it has none, and nothing else."""
    manifest = folder / MANIFEST
    if manifest.is_file():
        found = manifest_of(manifest.read_bytes())
        if found is None:
            fail(f"{manifest} cannot be read", mend="mend it, or delete it", status=WRONG_USE)
        return found.project, found.environments
    if folder.exists() and (not folder.is_dir() or any(each.name != ".git" for each in folder.iterdir())):
        fail(
            f"{folder} has other files and no {MANIFEST}",
            mend="name a new folder: what is in flags/, segments/ and layers/ would be replaced",
            status=WRONG_USE,
        )
    return None
