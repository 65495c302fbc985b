"""What a command reads of another vendor: its file, what goes with it, and the plan that they make."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import typer

from pennon.cli import output
from pennon.cli.connection import NO, WRONG_USE, fail
from pennon.importers import ImportRefused, Plan, Vocabulary
from pennon.importers.recognition import looks_like
from pennon.importers.vendors import VENDORS, importer

MAX_BYTES = 256 * 1024 * 1024
"""Of a vendor's file. What an import may create of it, the server bounds further."""
_SHOWN = 20


class Source:
    """A vendor's file as a command names it, with the dialect of the SDKs in use and what goes with the file."""

    def __init__(self, vendor: str, file: str, dialect: str | None, options: Sequence[str]) -> None:
        self.vendor = vendor
        self.name = VENDORS[vendor]
        self.file = file
        self.dialect = _checked(vendor, dialect)
        self.options: Mapping[str, bytes | str] = dict(map(_option, options))
        self.data = _read(file)

    def plan(self) -> Plan:
        """Return the plan of the file; end the command where it is refused."""
        try:
            return importer(self.vendor).plan(self.data, self.dialect, self.options)
        except ImportRefused as refusal:
            self._refuse(refusal)

    def vocabulary(self) -> Vocabulary:
        """Return what the file's rules speak of."""
        try:
            return importer(self.vendor).vocabulary(self.data, self.options)
        except ImportRefused as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: ImportRefused) -> NoReturn:
        problems = [
            {"path": f"{self.file}{each.path}" if len(each.path) < 2 else each.path, "message": each.message}
            | _mend(each.mend)
            for each in refusal.problems
        ]
        more = len(problems) - _SHOWN
        detail = f"{self.file} cannot be imported as a file of {self.name}; nothing was."
        output.problem({"detail": detail, "problems": problems[:_SHOWN]})
        if more > 0:
            output.note(f"  … and {more} more")
        found = looks_like(self.data)
        if found is not None and found in VENDORS and found != self.vendor:
            output.note(f"  → it looks like a file of {VENDORS[found]}: pennon import {found} {self.file}")
        elif found == "pennon":
            output.note("  → it looks like an export of Pennon's own: SDKs read it as Client(file=…)")
        fail_quietly()


def fail_quietly() -> NoReturn:
    """End the command: the answer is no, and what there is to say has been said."""
    raise typer.Exit(NO)


def _mend(mend: str) -> dict[str, str]:
    return {"mend": mend} if mend else {}


def _checked(vendor: str, dialect: str | None) -> str:
    known = importer(vendor).DIALECTS
    if dialect is None or dialect not in known:
        width = max(map(len, known))
        lines = "\n".join(f"    --dialect {name.ljust(width)}  {line}" for name, line in known.items())
        asked = "Which SDK evaluates these flags?" if dialect is None else f"There is no dialect {dialect!r}."
        fail(
            f"{asked} {VENDORS[vendor]}'s SDKs put the same user in different variations.",
            mend=f"name the one in use on your servers:\n{lines}",
            status=WRONG_USE,
        )
    return dialect


def _option(text: str) -> tuple[str, bytes | str]:
    name, equals, value = text.partition("=")
    if not (name.rstrip(":") and equals and value):
        mend = "write NAME=FILE, as in sticky=documents.json, or NAME:=TEXT, as in environment:=production"
        fail(f"{text!r} is no option", mend=mend, status=WRONG_USE)
    return (name[:-1], value) if name.endswith(":") else (name, _read(value))


def _read(file: str) -> bytes:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror or error}", status=WRONG_USE)
    if len(data) > MAX_BYTES:
        fail(f"{file} is larger than {MAX_BYTES >> 20} MiB", mend="import its projects one by one", status=WRONG_USE)
    return data
