"""How imported flags read their conditions and splits: one dialect a vendor's SDK, to the letter.

A dialect is looked up by (vendor, dialect). A flag whose dialect is not known here answers an error, never a guess.
"""

from collections.abc import Iterator, Mapping

from pennon.engine.dialects.seam import Choice, Choosy, Dialect, Dialects, Key, Test

__all__ = ["DIALECTS", "Choice", "Choosy", "Dialect", "Dialects", "Key", "Test"]

_VENDORS = ("flagd", "growthbook", "launchdarkly", "unleash")


class _Known(Mapping[tuple[str, str], Dialect]):
    """The dialects known here. A vendor's are imported when a flag first needs one: most programs need none."""

    def __getitem__(self, name: tuple[str, str]) -> Dialect:
        vendor, dialect = name
        return _dialects_of(vendor)[dialect]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((vendor, dialect) for vendor in _VENDORS for dialect in _dialects_of(vendor))

    def __len__(self) -> int:
        return sum(len(_dialects_of(vendor)) for vendor in _VENDORS)


def _dialects_of(vendor: str) -> Mapping[str, Dialect]:
    match vendor:
        case "flagd":
            from pennon.engine.dialects.flagd import DIALECTS as found  # noqa: N811, PLC0415
        case "growthbook":
            from pennon.engine.dialects.growthbook import DIALECTS as found  # noqa: N811, PLC0415
        case "launchdarkly":
            from pennon.engine.dialects.launchdarkly import DIALECTS as found  # noqa: N811, PLC0415
        case "unleash":
            from pennon.engine.dialects.unleash import DIALECTS as found  # noqa: N811, PLC0415
        case _:
            return {}
    return found


DIALECTS: Dialects = _Known()
"""The dialects known here, by vendor and name."""
