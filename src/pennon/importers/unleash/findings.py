"""What is found out about one flag while it is planned: what to say, and how faithful it is for all that."""

from collections.abc import Iterable

from pennon.importers.plan import Fidelity, Note
from pennon.model import Problem


class Findings:
    """Collects notes. Conditions make a flag exact with conditions, obstacles make it impossible."""

    def __init__(self) -> None:
        self.remarks: list[Note] = []
        self.conditions: list[Note] = []
        self.obstacles: list[Note] = []
        self.is_off = False
        """The vendor's SDK itself cannot read the flag, and serves off to everybody."""

    def remark(self, path: str, message: str) -> None:
        """Note what changes no evaluation."""
        self._add(self.remarks, path, message)

    def condition(self, path: str, message: str) -> None:
        """Note what must be so for the evaluations to be the same."""
        self._add(self.conditions, path, message)

    def obstacle(self, path: str, message: str) -> None:
        """Note why the flag cannot be carried."""
        self._add(self.obstacles, path, message)

    def not_taken(self, path: str, problems: Iterable[Problem]) -> None:
        """Note what Pennon has against the flag or segment that this would be: too long, too large, a NUL."""
        for problem in problems:
            where = f"{problem.path}: " if problem.path else ""
            self.obstacle(path, f"Pennon would not take it: {where}{problem.message}")

    def off(self, path: str, message: str) -> None:
        """Note why the vendor's SDK serves off to everybody."""
        self.is_off = True
        self._add(self.remarks, path, message)

    def _add(self, notes: list[Note], path: str, message: str) -> None:
        note = Note(path, message)
        if note not in notes:
            notes.append(note)

    def with_those_of(self, other: "Findings") -> "Findings":
        """Return these findings and *other*'s conditions and obstacles."""
        joined = Findings()
        joined.is_off = self.is_off
        joined.remarks = self.remarks
        joined.conditions = list(dict.fromkeys((*self.conditions, *other.conditions)))
        joined.obstacles = list(dict.fromkeys((*self.obstacles, *other.obstacles)))
        return joined

    @property
    def fidelity(self) -> Fidelity:
        """Return how faithful the flag is."""
        if self.obstacles:
            return Fidelity.IMPOSSIBLE
        return Fidelity.CONDITIONAL if self.conditions else Fidelity.EXACT

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what to say: the gravest first."""
        return (*self.obstacles, *self.conditions, *self.remarks)
