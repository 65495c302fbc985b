"""Where a code base speaks of flags: what each reader of a language finds, whatever the language."""

from typing import Literal, TypeAlias

import msgspec

How: TypeAlias = Literal["call", "guard", "mention", "dynamic"]
"""A call that answers a flag's value, one that names flags and answers no value, the key as a string anywhere else, and
a call whose key is made while the program runs."""


class Place(msgspec.Struct, frozen=True, order=True):
    """A line and a column of a file, both from 1; the column counts characters."""

    line: int
    column: int


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place of a code base that speaks of a flag.

    `flag` is None where the key is dynamic; `call` is what is called, or the text that makes the key. Where it is not
    `certain`, only the key says that it is a flag.
    """

    flag: str | None
    file: str
    line: int
    column: int
    call: str
    how: How = "call"
    certain: bool = True
    owner: str | None = None
