"""Signing keys as the installation's log has them, public parts only; and what there is of them."""

from collections.abc import Iterable, Sequence

import msgspec

from pennon.control.errors import Conflict, NotFound
from pennon.control.log import INSTALLATION, Reading
from pennon.model import Rotation
from pennon.model.flags import Wire
from pennon.protocol import heads

KIND = "signingKey"


class SigningKey(Wire, frozen=True, kw_only=True):
    """A key that signs heads, or did. Its key is the public part, as SDKs are told it.

    `created` is in milliseconds since 1970. `rotation` is its word that another takes its place. A `retired` key's
    word is passed on no more: who trusts only that key, or only keys before it, believes nothing any more.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    name: str = ""
    created: int = 0
    rotation: Rotation | None = None
    retired: bool = False

    @property
    def is_active(self) -> bool:
        """Whether heads are signed by it."""
        return self.rotation is None and not self.retired


def signing_keys(reading: Reading) -> list[SigningKey]:
    """Return all signing keys, the oldest first."""
    found = [stored.read(SigningKey) for stored in reading.items(INSTALLATION, KIND)]
    return sorted(found, key=lambda key: (key.created, key.changed_at, key.key))


def active_key(keys: Iterable[SigningKey]) -> SigningKey | None:
    """Return the key that heads are signed by; None while nothing is signed."""
    return next((key for key in keys if key.is_active), None)


def rotations_to(active: SigningKey, keys: Sequence[SigningKey]) -> tuple[Rotation, ...]:
    """Return what leads to the *active* key from those before it, the oldest first, as far as none is retired."""
    rotations: list[Rotation] = []
    wanted = active.key
    while len(rotations) < heads.MOST_ROTATIONS:
        before = next((key for key in keys if key.rotation is not None and key.rotation.to == wanted), None)
        if before is None or before.retired or before.rotation is None:
            break
        rotations.insert(0, before.rotation)
        wanted = before.key
    return tuple(rotations)


def named_key(reading: Reading, name: str) -> SigningKey:
    """Return the key whose public part is *name* or begins with it, with or without its scheme.

    Raises `NotFound`, or `Conflict` if there are several.
    """
    start = name if name.startswith(heads.SCHEME) else heads.SCHEME + name
    found = [key for key in signing_keys(reading) if key.key.startswith(start)]
    if not found or start == heads.SCHEME:
        raise NotFound("signing key", name, mend="name it by its public part, or how that begins")
    if len(found) > 1:
        raise Conflict(f"several signing keys start with {name}", mend="give more of it")
    return found[0]


def with_rotation(key: SigningKey, rotation: Rotation) -> SigningKey:
    """Return *key* with its word that another takes its place."""
    return msgspec.structs.replace(key, rotation=rotation)
