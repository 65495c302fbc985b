"""How items are different, and whom edits would move, as the API shows it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Response
from msgspec import UNSET, Meta, UnsetType

from pennon.control.api.answers import shown_warnings
from pennon.control.api.resources import WarningResource
from pennon.control.changes.diff import ItemChange
from pennon.control.changes.moving import SampledMoves
from pennon.control.changes.preview import Preview
from pennon.control.contexts.moves import sentence
from pennon.model import Json


class FieldChangeResource(msgspec.Struct, frozen=True, kw_only=True):
    """One value that is another. A side that is left out had nothing here, or the default."""

    path: Annotated[str, Meta(description="JSON pointer into the item.")]
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET


class ItemChangeResource(msgspec.Struct, frozen=True, kw_only=True):
    """How one item is different, field by field and in sentences."""

    kind: str
    key: str
    change: Literal["created", "changed", "deleted", "archived", "restored"]
    fields: tuple[FieldChangeResource, ...]
    sentences: tuple[str, ...]


class MoveResource(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """So many contexts go from one variation to another; null is the caller's default."""

    before: str | None
    after: str | None
    count: int


class FlagMovesResource(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a flag would give another variation. `moved` and `share` are null for fewer than ten, none included."""

    flag: str
    moved: int | None
    share: float | None
    pairs: Annotated[tuple[MoveResource, ...], Meta(description="The largest first; those of fewer than ten left out.")]
    sentence: str


class MovesResource(msgspec.Struct, frozen=True, kw_only=True):
    """Whom edits would move in this environment, by a sample of the contexts that SDKs evaluate flags for."""

    contexts: Annotated[int, Meta(description="How many were evaluated before and after.")]
    since: Annotated[datetime, Meta(description="The hour of the first of them.")]
    flags: tuple[FlagMovesResource, ...]
    unseen: Annotated[
        tuple[str, ...],
        Meta(
            description="Attributes that the rules ask for and none of the contexts has: they may be new, or private."
        ),
    ]
    others: Annotated[int, Meta(description="How many flags more may answer otherwise, and were not looked at.")]


class PreviewResource(msgspec.Struct, frozen=True, kw_only=True):
    """What edits would change: here, and in other environments of the project by their names.

    `moves` is null where no contexts are known: SDKs send them with `sample_contexts`.
    """

    changed: bool
    items: tuple[ItemChangeResource, ...]
    elsewhere: dict[str, tuple[ItemChangeResource, ...]]
    warnings: tuple[WarningResource, ...]
    moves: MovesResource | None


def preview_answer(preview: Preview) -> Response[PreviewResource]:
    """Answer what edits would change."""
    return Response(shown_preview(preview))


def shown_preview(preview: Preview) -> PreviewResource:
    """Return what edits would change as it is shown."""
    return PreviewResource(
        changed=preview.changed,
        items=shown_items(preview.items),
        elsewhere={str(name): shown_items(items) for name, items in preview.elsewhere},
        warnings=shown_warnings(preview.warnings),
        moves=None if preview.moves is None else _moves(preview.moves),
    )


def _moves(found: SampledMoves) -> MovesResource:
    moves = found.moves
    return MovesResource(
        contexts=moves.contexts,
        since=found.since,
        flags=tuple(
            FlagMovesResource(
                flag=each.flag,
                moved=each.moved,
                share=None if each.moved is None else round(each.moved / moves.contexts, 6),
                pairs=tuple(
                    MoveResource(before=move.before, after=move.after, count=move.count) for move in each.moves
                ),
                sentence=sentence(moves, each),
            )
            for each in moves.flags
        ),
        unseen=moves.unseen,
        others=moves.others,
    )


def shown_items(items: Iterable[ItemChange]) -> tuple[ItemChangeResource, ...]:
    """Return how items are different, as it is shown."""
    return tuple(_item(item) for item in items)


def _item(item: ItemChange) -> ItemChangeResource:
    fields = (FieldChangeResource(path=each.path, before=each.before, after=each.after) for each in item.fields)
    return ItemChangeResource(
        kind=item.kind, key=item.key, change=item.what, fields=tuple(fields), sentences=item.sentences
    )
