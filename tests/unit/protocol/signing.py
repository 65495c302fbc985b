"""Signers for the tests of the protocol: real Ed25519, with keys that follow from a word."""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from pennon.model import Head, Position, Rotation, Snapshot
from pennon.protocol import Lines, Projection, Terms, Trust, VerifyingReplica, heads
from pennon.protocol.state import items_of

NOW = 1_790_000_000.0


class Signer:
    """A signing key."""

    def __init__(self, word: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(sha256(word.encode()).digest())
        self.key = heads.key_text(self._private.public_key().public_bytes_raw())
        self.rotations: tuple[Rotation, ...] = ()

    def head(self, snapshot: Snapshot, projection: str = "server", *, time: float = NOW, **more: object) -> Head:
        """The signed head of a snapshot of that projection."""
        root = Lines.of(items_of(snapshot)).root()
        assert root is not None
        return self.sign(snapshot.environment, snapshot.position, projection, root, time=time, **more)

    def sign(
        self, environment: str, position: Position, projection: str, root: str, *, time: float = NOW, **more: object
    ) -> Head:
        head = Head(
            environment=environment,
            projection=projection,
            epoch=position.epoch,
            revision=position.revision,
            time=round(time * 1000),
            root=root,
            key=self.key,
            signature="",
            rotations=self.rotations,
        )
        return heads.signed(replace(head, **more), self._private.sign)

    def rotated(self, word: str, time: float = NOW) -> "Signer":
        """The key that takes the place of this one."""
        later = Signer(word)
        later.rotations = (*self.rotations, self.rotation(later.key, time))
        return later

    def rotation(self, to: str, time: float = NOW) -> Rotation:
        rotation = Rotation(from_=self.key, to=to, time=round(time * 1000), signature="")
        return heads.signed_rotation(rotation, self._private.sign)

    def signed(self, snapshot: Snapshot, projection: str = "server", *, time: float = NOW) -> Snapshot:
        """The snapshot with its head."""
        return replace(snapshot, heads=(self.head(snapshot, projection, time=time),))


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Clock:
    """The time of day, as the test turns it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def trust(*keys: str, clock: Clock | None = None, **terms: object) -> Trust:
    return Trust(keys, verify, time=clock or Clock(), terms=Terms(**{"is_strict": True, **terms}))  # type: ignore[arg-type]


def strict(*keys: str, snapshot: Snapshot | None = None, **more: object) -> VerifyingReplica:
    return VerifyingReplica(trust(*keys, **more), snapshot=snapshot)  # type: ignore[arg-type]


def roots_of(snapshots: dict[Projection, Snapshot]) -> dict[Projection, str]:
    return {projection: Lines.of(items_of(each)).root() or "" for projection, each in snapshots.items()}
