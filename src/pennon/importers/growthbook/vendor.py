"""What the parts of this importer share: the vendor's name, its dialects, notes, what cannot be carried."""

from collections.abc import Mapping

from pennon.importers.plan import Note

VENDOR = "growthbook"
JAVASCRIPT, PYTHON = "javascript", "python"
DIALECTS: Mapping[str, str] = {
    JAVASCRIPT: "the JavaScript SDK, for browsers, Node and React (1.8.0)",
    PYTHON: "the Python SDK (4.0.0)",
}


class Impossible(Exception):
    """A flag that cannot be carried. Holds the note that says why."""

    def __init__(self, path: str, message: str) -> None:
        self.note = Note(path, message)
        super().__init__(message)
