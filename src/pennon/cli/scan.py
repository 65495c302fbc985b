"""`pennon scan`: where a code base speaks of flags, who owns it, and what is missing in code or in Pennon."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from pennon.cli import options, output
from pennon.cli.connection import NO, WRONG_USE, Server, fail, known_login, scope
from pennon.codemod import Conventions, Found, InvalidConventions, Reference, Survey, Unknown, conventions_of, survey
from pennon.codemod import scan as scan_files
from pennon.codemod.tree import repository_of, revision_of

app = typer.Typer(add_completion=False)

Root = Annotated[Path, typer.Argument(help="The folder of the code base.", show_default=False)]
FlagsFile = Annotated[
    Path | None,
    typer.Option("--flags", help="Pennon's flags from a file: a snapshot, or a key a line.", show_default=False),
]
Only = Annotated[list[str] | None, typer.Option("--flag", "-f", help="Only this flag. Repeat it.")]
Check = Annotated[bool, typer.Option("--check", help="Exit status 1 if code names a flag that Pennon does not have.")]
Report = Annotated[
    bool, typer.Option("--report", help="Tell the server where each flag is, for `pennon flag cleanup`.")
]
Repository = Annotated[
    str | None, typer.Option(help="What the report is kept under. Default: git's remote.", show_default=False)
]


class Known(msgspec.Struct, frozen=True):
    """Pennon's flags, each with its owner, and those that it has archived."""

    flags: Mapping[str, str | None]
    archived: frozenset[str] = frozenset()


@app.command()
def scan(
    root: Root = Path(),
    flags: FlagsFile = None,
    flag: Only = None,
    check: Check = False,
    report: Report = False,
    repository: Repository = None,
    project: options.Project = None,
    json: options.Json = False,
) -> None:
    """Find where code speaks of flags, who owns it, and what is missing in code or in Pennon.

    Python is read by its syntax tree, other languages by pattern; nothing is run. With --project, --report or --check
    the server is asked which flags there are, or --flags names a file with them; else references are all you get.

    As in: pennon scan src --project shop --check
    """
    if not root.is_dir():
        fail(f"{root} is no folder", mend="name the folder of the code base", status=WRONG_USE)
    known = _known(flags, project, asked=check or report)
    found = scanned(root, () if known is None else known.flags.keys() | known.archived)
    seen = survey(found.references, None if known is None else known.flags, files=found.files, unread=found.unread)
    if report:
        _send(seen, root, repository, project)
    shown = _only(seen, flag)
    if json:
        output.as_json(_document(shown, known))
    else:
        _show(shown, known)
    if check and shown.unknown:
        raise typer.Exit(NO)


def scanned(root: Path, known: Iterable[str]) -> Found:
    """Return what the code base below *root* says, and show on a terminal how far it is."""
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("reading", total=None)
            conventions = conventions_of(root)
            return scan_files(
                root,
                conventions,
                known=set(known),
                told=lambda done, all_: progress.update(task, completed=done, total=all_),
            )
    except InvalidConventions as error:
        fail(
            str(error),
            mend=f"it takes {', '.join(Conventions.__struct_encode_fields__)}, each a list of strings",
            status=WRONG_USE,
        )


def _known(file: Path | None, project: str | None, *, asked: bool) -> Known | None:
    """Return Pennon's flags, None where nobody was asked."""
    if file is not None:
        return Known(dict.fromkeys(_in_file(file)))
    if project is None and not asked:
        return None
    login = known_login()
    in_project = scope(login, project, whole=True)
    with Server(login) as server:
        flags = {each["key"]: each.get("owner") or None for each in server.pages(f"{in_project}/flags", limit=500)}
        archived = frozenset(each["flag"] for each in server.pages(f"{in_project}/archived-flags"))
    return Known(flags, archived)


def _in_file(file: Path) -> Iterable[str]:
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        fail(f"{file} cannot be read: {error}", mend="make one: pennon export FILE", status=WRONG_USE)
    if not text.lstrip().startswith(("{", "[")):
        return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        found = msgspec.json.decode(text)
        return [str(key) for key in (found["flags"] if isinstance(found, dict) else found)]
    except (msgspec.DecodeError, KeyError, TypeError):
        fail(f"{file} holds no flags", mend="a snapshot (pennon export FILE), or a key a line", status=WRONG_USE)


def _only(seen: Survey, flags: list[str] | None) -> Survey:
    if not flags:
        return seen
    return msgspec.structs.replace(
        seen,
        flags={key: of_flag for key, of_flag in seen.flags.items() if key in flags},
        unknown=tuple(each for each in seen.unknown if each.key in flags),
        unused=tuple(key for key in seen.unused if key in flags),
    )


def _document(seen: Survey, known: Known | None) -> object:
    return {
        "files": seen.files,
        "references": list(seen.references),
        "owners": {} if known is None else {key: owner for key, owner in known.flags.items() if owner},
        "unknown": None if known is None else [_unknown(each, known) for each in seen.unknown],
        "notInCode": None if known is None else seen.unused,
        "dynamic": seen.dynamic,
        "unread": seen.unread,
    }


def _unknown(unknown: Unknown, known: Known) -> object:
    return {"flag": unknown.key, "meant": unknown.meant, "archived": unknown.key in known.archived}


def _show(seen: Survey, known: Known | None) -> None:
    for key, references in seen.flags.items():
        owner = None if known is None else known.flags.get(key)
        head = Text(key, style="bold")
        if owner:
            head.append(f"  {owner}", style="dim not bold")
        output.console().print(head)
        _places(references)
    if seen.dynamic:
        output.console().print(Text("keys that are made while the program runs", style="bold yellow"))
        _places(seen.dynamic)
    for each in seen.unknown:
        is_archived = known is not None and each.key in known.archived
        said = "archived in Pennon: " if is_archived else "unknown to Pennon: "
        meant = f"; did you mean {' or '.join(each.meant)}?" if each.meant and not is_archived else ""
        where = f"  {each.references[0].file}:{each.references[0].line}{meant}"
        output.console().print(Text.assemble((said, "bold red"), (each.key, "bold"), where))
    if seen.unused:
        output.console().print(Text.assemble(("in no code: ", "bold yellow"), ", ".join(seen.unused)))
    for file, why in seen.unread.items():
        output.note(f"{file} was not read: {why}")
    output.note(_sum(seen))


def _places(references: Iterable[Reference]) -> None:
    for each in references:
        said = each.call if each.how != "mention" else f"{each.call}, as text"
        line = Text.assemble("  ", f"{each.file}:{each.line}:{each.column}", (f"  {said}", "dim"))
        if each.owner:
            line.append(f"  {each.owner}", style="cyan")
        output.console().print(line)


def _sum(seen: Survey) -> str:
    counted = ((sum(1 for _ in seen.references), "reference"), (len(seen.flags), "flag"), (seen.files, "file"))
    references, flags, files = (f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted)
    return f"{references} to {flags} in {files}"


def _send(seen: Survey, root: Path, repository: str | None, project: str | None) -> None:
    named = repository or repository_of(root)
    if named is None:
        fail("which repository is this?", mend="git has no remote here; add --repository NAME", status=WRONG_USE)
    references = [
        {"flag": each.flag, "file": each.file, "line": each.line, "owner": each.owner} for each in seen.references
    ]
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251  # an entry point: the report says when it was made
    body = {"revision": revision_of(root), "scannedAt": now, "references": references}
    login = known_login()
    with Server(login) as server:
        received = server.send("PUT", f"{scope(login, project, whole=True)}/code-references/{quote(named)}", body)
    if received["kept"]:
        output.note(f"reported {len(references)} references as {named}")
    else:
        output.note(f"a later scan of {named} was reported before: this one is not kept")
