"""The package's public names."""

import types

from pennon import protocol

SUBMODULES = {name for name, value in vars(protocol).items() if isinstance(value, types.ModuleType)} - {
    "digest",
    "heads",
    "sse",
}


def test_all_names_exactly_what_the_package_offers() -> None:
    offered = {name for name in vars(protocol) if not name.startswith("_")} - SUBMODULES
    assert set(protocol.__all__) == offered


def test_all_is_sorted_for_readers_without_repeats() -> None:
    assert len(protocol.__all__) == len(set(protocol.__all__))
