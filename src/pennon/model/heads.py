"""Signed heads: what an environment was at a position, said by the control plane and signed. See spec/sync.md.

Data only. What is signed, and what it is worth, is `pennon.protocol`'s.
"""

import msgspec

from pennon.model.flags import Wire


class Rotation(Wire, frozen=True, kw_only=True):
    """The word of one signing key that another speaks for it from now on. `time` is in milliseconds since 1970."""

    from_: str = msgspec.field(name="from")
    to: str
    time: int
    signature: str


class Head(Wire, frozen=True, kw_only=True):
    """One projection of an environment at one position, by the root over its items, signed by `key`.

    `time`, in milliseconds since 1970, is when it was known to be current. `rotations` lead to `key` from those
    before it, the oldest first.
    """

    environment: str
    projection: str
    epoch: int
    revision: int
    time: int
    root: str
    key: str
    signature: str
    rotations: tuple[Rotation, ...] = ()
