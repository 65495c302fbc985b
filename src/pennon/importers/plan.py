"""What an import would create, and how faithfully. The same for all vendors.

Errors: `ImportRefused` is all that an importer raises: the file is not one that it can read whole.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from pennon.model import Flag, Json, Problem, Segment
from pennon.model.flags import Wire

Vocabulary: TypeAlias = Mapping[str, Sequence[Json]]
"""The attributes that a file's rules read, as a Pennon context has them (a JSON pointer for a nested one), each with
the literals that it is compared with."""


class Fidelity(StrEnum):
    """How an imported flag's evaluations compare with the vendor's."""

    EXACT = "exact"
    CONDITIONAL = "exact with conditions"
    IMPOSSIBLE = "cannot be carried"


class Note(Wire, frozen=True):
    """A condition, or a reason, with the JSON pointer to the part of the vendor's file that it is about."""

    path: str
    message: str


class PlannedFlag(Wire, frozen=True, kw_only=True):
    """A flag that would be created, or could not be: `flag` is None only where the fidelity is `IMPOSSIBLE`.

    `source` is the key of the vendor's flag that it comes from: one of theirs may become two. `identities` maps what
    the vendor's SDK names a variation (an index, a variant's name) to the variation's key here; what is not in it has
    no counterpart. `notes` are the conditions under which it is exact, or why it cannot be carried.
    """

    key: str
    source: str
    fidelity: Fidelity
    notes: tuple[Note, ...] = ()
    flag: Flag | None = None
    identities: Mapping[str, str] = {}
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


class PlannedSegment(Wire, frozen=True, kw_only=True):
    """A segment that would be created."""

    key: str
    source: str
    segment: Segment
    notes: tuple[Note, ...] = ()


class Plan(Wire, frozen=True, kw_only=True):
    """Everything that an import would create. The same bytes give the same plan.

    `notes` are about the file as a whole. Flags and segments are in the order of their keys.
    """

    vendor: str
    dialect: str
    flags: tuple[PlannedFlag, ...] = ()
    segments: tuple[PlannedSegment, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether every flag's evaluations equal the vendor's, without conditions."""
        return all(flag.fidelity is Fidelity.EXACT for flag in self.flags)


class ImportRefused(Exception):
    """The file cannot be read whole, so nothing of it is imported. Paths are JSON pointers into the vendor's file."""

    def __init__(self, vendor: str, problems: Sequence[Problem]) -> None:
        self.vendor = vendor
        self.problems = tuple(problems)
        super().__init__(f"{vendor}: " + "; ".join(map(str, self.problems)))
