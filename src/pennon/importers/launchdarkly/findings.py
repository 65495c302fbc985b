"""What is found while one flag or segment is read: what limits it, what keeps it from being carried, what is said."""

from pennon.importers.plan import Fidelity, Note


class Findings:
    """Collects notes. `reasons` keep an item from being carried, `conditions` limit it, `remarks` do neither.

    `fails`: reading a clause of the item may end the whole evaluation in MALFORMED_FLAG.
    """

    def __init__(self) -> None:
        self.reasons: list[Note] = []
        self.conditions: list[Note] = []
        self.remarks: list[Note] = []
        self.fails = False

    def impossible(self, path: str, message: str) -> None:
        """Note why the item cannot be carried."""
        self.reasons.append(Note(path, message))

    def limited(self, path: str, message: str) -> None:
        """Note a condition under which the item is exact."""
        self.conditions.append(Note(path, message))

    def said(self, path: str, message: str) -> None:
        """Note something that no evaluation depends on."""
        self.remarks.append(Note(path, message))

    @property
    def fidelity(self) -> Fidelity:
        """How faithful what comes of the item is."""
        if self.reasons:
            return Fidelity.IMPOSSIBLE
        return Fidelity.CONDITIONAL if self.conditions else Fidelity.EXACT

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes, each once, those that matter most first."""
        return tuple(dict.fromkeys([*self.reasons, *self.conditions, *self.remarks]))
