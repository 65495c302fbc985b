"""The note of which environments a node serves, in its data folder: what it begins with while no upstream answers."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pennon.edge.listing import Listed, Listing
from pennon.ingest.spool import replace_file
from pennon.model import DECODE_ERRORS

FILE = "environments.json"


class KnownEnvironments:
    """Keeps the list in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._kept: bytes = b""

    def load(self) -> tuple[Listed, ...] | None:
        """Return what was kept, None if there is nothing that can be read."""
        try:
            self._kept = self._file.read_bytes()
            return msgspec.json.decode(self._kept, type=Listing).environments
        except (OSError, *DECODE_ERRORS):
            return None

    def keep(self, environments: Sequence[Listed]) -> None:
        """Keep *environments*, if they differ from what is kept. Raises `OSError`."""
        text = msgspec.json.encode(Listing(tuple(sorted(environments, key=lambda each: each.key))))
        if text != self._kept:
            replace_file(self._file, text)
            self._kept = text
