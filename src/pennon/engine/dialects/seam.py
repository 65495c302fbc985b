"""What a dialect is to the engine: readers of conditions, splits and lists, prepared when a flag is compiled."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pennon.model import Condition, Flag, Segment, Split

Test: TypeAlias = Callable[[dict[Any, Any], float | None], bool]
"""Takes a context and the time, in epoch seconds or None; tells whether a condition holds. One that raises makes the
flag answer an error and the caller's default, as the vendor's SDK would."""
Choice: TypeAlias = Callable[[dict[Any, Any], float | None], int | None]
"""Takes a context and the time; tells which of a split's weights serves, or None for a context without the unit."""
Key: TypeAlias = Callable[[dict[Any, Any]], str | None]
"""Takes a context; returns what a target or a segment's list is compared with, None where there is nothing."""


class Dialect(Protocol):
    """What one vendor's SDK makes of conditions and splits. All raise `ValueError` for what they do not know."""

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition other than `inSegment` and `serves`, negation and arrays included."""

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a split under the vendor's hash scheme."""

    def key(self, attribute: str) -> Key:
        """Prepare the reading of a target's attribute; a segment's lists read `targetingKey`."""


@runtime_checkable
class Choosy(Protocol):
    """A dialect whose SDK evaluates nothing, whatever the flag, for some contexts."""

    def accepts(self, context: dict[Any, Any]) -> bool:
        """Tell whether the SDK evaluates for *context*. Else the answer is the caller's default, off flags included."""


Dialects: TypeAlias = Mapping[tuple[str, str], Dialect]
