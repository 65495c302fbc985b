"""Key records: what an edge node must know of an environment's keys to check them while its origin is dead."""

from typing import Literal, TypeAlias

from pennon.model.flags import Wire

KeyKind: TypeAlias = Literal["server", "client", "edge"]


class KeyRecord(Wire, frozen=True):
    """A key as nodes know it. `key` is the SHA-256 hex of the secret; the secret itself is stored nowhere.

    `origins` limits a client key to pages from these origins. `not_after` is epoch seconds, None for ever. A client key
    with a `signing_secret` evaluates for signed targeting keys only: see docs/decisions/0016.
    """

    key: str
    kind: KeyKind
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    origins: tuple[str, ...] = ()
    not_after: int | None = None
    revoked: bool = False
    signing_secret: str = ""
