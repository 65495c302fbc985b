"""What a client says of itself: how it stands, and what changed."""

from collections.abc import Collection

import msgspec

from pennon.sdk.ladder import Level


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a client stands at one moment.

    `age_s` is how long ago the state was last known to be current at its origin, None where nothing is known.
    `signed_by` is the trusted key that signed it, empty where none did, and `head_age_s` how long ago that was.
    `problem` says what went wrong last, empty while all is well; `is_refused`, whether that is the key.
    """

    level: Level
    ready: bool
    environment: str
    epoch: int
    revision: int
    age_s: float | None
    problem: str
    is_refused: bool
    instance: str
    signed_by: str = ""
    head_age_s: float | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The flags changed. `flags` are those that may answer differently now, by their own change or a segment's."""

    epoch: int
    revision: int
    flags: Collection[str]
