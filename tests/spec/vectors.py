"""Reads the vector files: every case with the id that its place and its name give it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SPEC = Path(__file__).resolve().parents[2] / "spec"
VECTORS = SPEC / "vectors"


class Case(NamedTuple):
    """One case, and the file that it is in."""

    id: str
    file: dict[str, Any]
    case: dict[str, Any]

    @property
    def place(self) -> str:
        """Which file it is in."""
        return self.id.removesuffix(f"/{self.case['name']}")


def vector_files() -> list[Path]:
    """Return every vector file, in the order of their names."""
    return sorted(VECTORS.rglob("*.json"))


def read(path: Path) -> dict[str, Any]:
    """Read one file, its lone surrogates kept, which msgspec would refuse."""
    document = json.loads(path.read_bytes())
    assert isinstance(document, dict)
    return document


def cases() -> Iterator[Case]:
    """Yield every case of every file."""
    for path in vector_files():
        document = read(path)
        place = path.relative_to(VECTORS).with_suffix("").as_posix()
        for case in document["cases"]:
            yield Case(f"{place}/{case['name']}", document, case)


def evaluations() -> list[Case]:
    """Return the cases that evaluate a flag."""
    return [case for case in cases() if "flag" in case.case]


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same in every language: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
