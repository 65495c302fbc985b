"""What items changed, cut to what a page can hold: field by field, however much it was. Pure."""

from collections.abc import Iterable
from html import escape

import msgspec
from msgspec import UNSET, UnsetType

from pennon.control.changes.diff import ItemChange
from pennon.control.changes.summary import shortened
from pennon.model import Json

MOST_CHARACTERS = 40_000
"""So much text, as it is sent, a page has of fields and sentences together."""
_LONGEST = 400
_SENTENCES = 5
_FIELDS = 100


class Field(msgspec.Struct, frozen=True):
    """A field, before and after, as text; empty where there was nothing."""

    path: str
    before: str
    after: str

    @property
    def size(self) -> int:
        """How many characters it takes on a page."""
        return len(escape(self.path + self.before + self.after)) + 120


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item. `more` fields and `unsaid` sentences are not told."""

    kind: str
    key: str
    what: str
    sentences: tuple[str, ...]
    unsaid: int
    fields: tuple[Field, ...]
    more: int


class Details(msgspec.Struct, frozen=True):
    """What became of items; of the last ones, perhaps, without their fields."""

    items: tuple[Detail, ...]


def details_of(items: Iterable[ItemChange]) -> Details:
    """Return *items* as a page shows them."""
    left = MOST_CHARACTERS
    details = []
    for item in items:
        said = tuple(shortened(each, _LONGEST) for each in item.sentences[:_SENTENCES])
        left -= sum(len(escape(each)) + 30 for each in said)
        fields = []
        for each in item.fields[:_FIELDS]:
            field = Field(shortened(each.path, _LONGEST), _text(each.before), _text(each.after))
            if left < field.size:
                break
            left -= field.size
            fields.append(field)
        details.append(
            Detail(
                kind=item.kind,
                key=item.key,
                what=item.what,
                sentences=said,
                unsaid=len(item.sentences) - len(said),
                fields=tuple(fields),
                more=len(item.fields) - len(fields),
            )
        )
    return Details(tuple(details))


def _text(value: Json | UnsetType) -> str:
    return "" if value is UNSET else shortened(msgspec.json.encode(value).decode(), _LONGEST)
