"""Flags in a code base: where it speaks of them, and how one leaves it. What reads and writes files is in `scanning`,
`tree` and `files`; all else is text in, references or new text out."""

from pennon.codemod.conventions import Conventions, read_conventions
from pennon.codemod.errors import CodemodError, InvalidConventions, NotRewritable
from pennon.codemod.references import Reference
from pennon.codemod.scanning import Found, conventions_of, scan
from pennon.codemod.survey import Survey, Unknown, survey

__all__ = [
    "CodemodError",
    "Conventions",
    "Found",
    "InvalidConventions",
    "NotRewritable",
    "Reference",
    "Survey",
    "Unknown",
    "conventions_of",
    "read_conventions",
    "scan",
    "survey",
]
