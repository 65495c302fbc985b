"""Private parts at rest: sealed by a secret that is not in the database, so that a copy of that signs nothing.

The secret is a setting, or else a file in the data folder, which is made when it is first needed.
"""

import contextlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pennon.control.errors import Conflict, Unavailable
from pennon.protocol import heads

SECRET_FILE = "signing-secret"
_PURPOSE = b"pennon signing keys, sealed: 1"
_TEXTS = b"pennon texts, sealed: 1"
_SAME_SECRET = "give every server the same PENNON_SECRET_KEY, or the file that the first one made in its data folder"
_NONCE_BYTES = 12
_SECRET_BYTES = 32


class Safe(Protocol):
    """Keeps sealed private parts by their public parts. Outside the log, which is kept for ever and shown."""

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep *sealed*. Raises `Unavailable`."""

    def find(self, key: str) -> bytes | None:
        """Return what is kept of *key*; None if nothing is. Raises `Unavailable`."""

    def forget(self, key: str) -> None:
        """Keep nothing of *key* any more. Raises `Unavailable`."""


class Secret:
    """What private parts are sealed by: the *setting*, else what *file* holds."""

    def __init__(self, setting: str | None, file: Path) -> None:
        self._setting = setting
        self._file = file

    def seal(self, public: str, private: Ed25519PrivateKey) -> bytes:
        """Return *private*, to be opened for *public* only. Raises `Unavailable` where the secret cannot be kept."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(make=True).encrypt(nonce, private.private_bytes_raw(), public.encode())

    def open(self, public: str, sealed: bytes) -> Ed25519PrivateKey:
        """Return what was sealed for *public*. Raises `Conflict` if it was not, or not by this secret."""
        try:
            raw = self._cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], public.encode())
            private = Ed25519PrivateKey.from_private_bytes(raw)
        except (InvalidTag, ValueError) as error:
            problem = f"the signing key {public} was sealed by another secret"
            raise Conflict(problem, mend=_SAME_SECRET) from error
        return private

    def seal_text(self, name: str, text: bytes) -> bytes:
        """Return *text*, to be opened for *name* only. Raises `Unavailable` where the secret cannot be kept."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(_TEXTS, make=True).encrypt(nonce, text, name.encode())

    def open_text(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed for *name*. Raises `Conflict` if it was not, or not by this secret."""
        try:
            return self._cipher(_TEXTS).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise Conflict(f"what is kept of {name} was sealed by another secret", mend=_SAME_SECRET) from error

    def box(self, purpose: bytes) -> "Box":
        """Return what seals many texts for one *purpose*. Raises `Unavailable` where the secret cannot be kept."""
        return Box(self._derived(purpose, make=True), self._derived(purpose + b", digests", make=True))

    def _cipher(self, purpose: bytes = _PURPOSE, *, make: bool = False) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._derived(purpose, make=make))

    def _derived(self, purpose: bytes, *, make: bool) -> bytes:
        material = self._setting.encode() if self._setting else self._read(make=make)
        return HKDF(SHA256(), 32, salt=None, info=purpose).derive(material)

    def _read(self, *, make: bool) -> bytes:
        try:
            if make and not self._file.exists():
                _make(self._file)
            return self._file.read_bytes()
        except OSError as error:
            raise Unavailable(
                f"the secret in {self._file} cannot be used: {error.strerror}",
                mend="set PENNON_SECRET_KEY, or bring the file back",
            ) from error


class Box:
    """Seals texts, each to be opened for what it is about only; and makes digests that nobody else can make."""

    def __init__(self, sealing: bytes, digesting: bytes) -> None:
        self._cipher = ChaCha20Poly1305(sealing)
        self._digesting = digesting

    def seal(self, text: bytes, about: bytes) -> bytes:
        """Return *text* sealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """Return what was sealed *about* that; None if it was not, or by another secret."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None

    def digest(self, text: bytes) -> bytes:
        """Return the HMAC of *text*."""
        return hmac.digest(self._digesting, text, "sha256")


def public_text(private: Ed25519PrivateKey) -> str:
    """Return the public part of *private* as SDKs are told it."""
    return heads.key_text(private.public_key().public_bytes_raw())


def _make(file: Path) -> None:
    """Make the file whole or not at all, for nobody else to read; of several that try, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # 0600, as mkstemp makes them
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(secrets.token_urlsafe(_SECRET_BYTES).encode())
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        os.unlink(draft)
