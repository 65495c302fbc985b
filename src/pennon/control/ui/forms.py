"""What a form sent: its fields as text, bounded, and never a fault of ours."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

import msgspec
from litestar.exceptions import HTTPException

CSRF_FIELD = "csrf"
_MOST_FIELDS = 5000
_NEVER_KEPT = frozenset({CSRF_FIELD, "password", "current", "again"})


class Form(msgspec.Struct, frozen=True):
    """The fields of a form, in the order in which they were sent."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """Return the first value of a field, without the blanks about it; empty if it was not sent."""
        return next((value.strip() for each, value in self.fields if each == name), "")

    def raw(self, name: str) -> str:
        """Return the first value of a field as it was sent; empty if it was not."""
        return next((value for each, value in self.fields if each == name), "")

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for each, value in self.fields if each == name]

    def has(self, name: str) -> bool:
        """Return whether a field was sent: a box that is ticked, a button that was pressed."""
        return any(each == name for each, _ in self.fields)

    def whole(self, name: str) -> int | None:
        """Return a field as a whole number; None for anything else."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None

    def kept(self) -> Iterator[tuple[str, str]]:
        """Yield what a page keeps while somebody signs in again: all but the old session's token, and passwords."""
        return (field for field in self.fields if field[0] not in _NEVER_KEPT)


def parsed(body: bytes) -> Form:
    """Return the fields of a form's *body*. Raises `HTTPException` (400) for what no browser sends."""
    try:
        found = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:  # not ASCII, not UTF-8 once decoded, or too many fields
        raise HTTPException("The form cannot be read.", status_code=400) from error
    # A browser ends lines as mail does; the API, and everybody who compares, does not.
    return Form(tuple((name, value.replace("\r\n", "\n")) for name, value in found))
