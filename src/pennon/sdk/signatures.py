"""Ed25519 by the library `cryptography`, which is loaded when there are keys to trust and not before."""

from collections.abc import Iterable

from pennon.protocol import heads
from pennon.protocol.heads import Verify
from pennon.sdk.errors import InvalidConfiguration


def verifier() -> Verify:
    """Return the function that verifies signatures. Raises `InvalidConfiguration` where the library is missing."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # an extra, and slow to import
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError as error:
        raise InvalidConfiguration(
            "trusted keys need a library that is not here: pip install 'pennon[signed]'"
        ) from error

    def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def checked_keys(given: Iterable[str]) -> tuple[str, ...]:
    """Return public keys as they were *given*, without what surrounds them. Raises `InvalidConfiguration`."""
    keys = tuple(key for each in given if (key := each.strip()))
    for key in keys:
        if heads.key_bytes(key) is None:
            raise InvalidConfiguration(
                f"{key[:80]!r} is not a public key: write it as `pennon key signing list` shows it, ed25519:…"
            )
    return keys
