"""How imported flags read their conditions and splits: one dialect a vendor's SDK, to the letter.

A dialect is looked up by (vendor, dialect). A flag whose dialect is not known here answers an error, never a guess.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from pennon.model import Condition, Flag, Segment, Split

Test: TypeAlias = Callable[[dict[Any, Any], float | None], bool]
"""Takes a context and the time, in epoch seconds or None; tells whether a condition holds."""
Choice: TypeAlias = Callable[[dict[Any, Any], float | None], int | None]
"""Takes a context and the time; tells which of a split's weights serves, or None for a context without the unit."""


class Dialect(Protocol):
    """What one vendor's SDK makes of conditions and splits. Both raise `ValueError` for what it does not know."""

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition other than `inSegment`, negation and arrays included."""

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a split under the vendor's hash scheme."""


Dialects: TypeAlias = Mapping[tuple[str, str], Dialect]
DIALECTS: Dialects = MappingProxyType({})
"""The dialects known here."""
