"""Commands on signing keys. The private part of a new one is kept sealed; that of a replaced one is destroyed."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pennon.control.clock import Clock
from pennon.control.errors import Conflict, NotFound
from pennon.control.log import INSTALLATION, Actor, ChangeLog, Idempotency, Outcome, Writing, outcome_of
from pennon.control.naming import accept, name_problems
from pennon.control.signing.keys import KIND, SigningKey, active_key, named_key, signing_keys
from pennon.control.signing.sealing import Safe, Secret, public_text
from pennon.model import Rotation
from pennon.protocol import heads


class MadeKey(msgspec.Struct, frozen=True):
    """A signing key that a command made, and what the command did."""

    key: SigningKey
    outcome: Outcome


class SigningService:
    """Creates, rotates and retires the keys that heads are signed by."""

    def __init__(self, log: ChangeLog, clock: Clock, safe: Safe, secret: Secret) -> None:
        self._log = log
        self._clock = clock
        self._safe = safe
        self._secret = secret

    def create_key(
        self, *, name: str = "", by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> MadeKey:
        """Create the first key, or the first after signing was ended. From now on heads are signed.

        Raises `Conflict` while there is one that signs, and `Invalid`.
        """
        accept(name_problems(name))
        with self._new_private() as private:
            with self._log.writing(
                INSTALLATION, by=by, action="createSigningKey", why=why, idempotency=idempotency
            ) as writing:
                if not writing.replayed:
                    if active_key(signing_keys(writing)) is not None:
                        raise Conflict("there is a signing key already", mend="rotate it, or retire it first")
                    writing.put(INSTALLATION, KIND, self._key(private, name))
            return _made(writing)

    def rotate_key(
        self, *, name: str = "", by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> MadeKey:
        """Put a new key in the place of the one that signs, by that one's signed word, and destroy its private part.

        Raises `NotFound` while nothing is signed, `Conflict` where the private part cannot be opened, and `Invalid`.
        """
        accept(name_problems(name))
        with self._new_private() as private:
            with self._log.writing(
                INSTALLATION, by=by, action="rotateSigningKey", why=why, idempotency=idempotency
            ) as writing:
                if not writing.replayed:
                    self._rotate(writing, self._key(private, name))
            self._destroy_unused()
            return _made(writing)

    def retire_key(
        self,
        name: str,
        *,
        confirm: str | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Pass the word of a replaced key on no more; the key that signs, if it is in *confirm*: sign nothing any more.

        Raises `NotFound`, and `Conflict` for the key that signs unless it is confirmed.
        """
        with self._log.writing(
            INSTALLATION, by=by, action="retireSigningKey", why=why, idempotency=idempotency
        ) as writing:
            key = named_key(writing, name)
            if not writing.replayed:
                if key.is_active and confirm != key.key:
                    raise Conflict(
                        "environments are signed by this key: strict SDKs would take nothing any more",
                        mend=f"rotate it first; or, to end signing, confirm with {key.key}",
                    )
                writing.put(INSTALLATION, KIND, msgspec.structs.replace(key, retired=True))
            current = writing.item(INSTALLATION, KIND, key.key)
        self._destroy_unused()
        return outcome_of(writing, INSTALLATION, (KIND, key.key), unchanged=current)

    def _rotate(self, writing: Writing, new: SigningKey) -> None:
        active = active_key(signing_keys(writing))
        if active is None:
            raise NotFound("signing key", "that signs", mend="create one")
        if (sealed := self._safe.find(active.key)) is None:
            raise Conflict(
                f"the private part of {active.key} is gone", mend="retire it, create another and tell it to all SDKs"
            )
        # Times of keys never go back, whatever the clock does: they are sorted by them.
        new = msgspec.structs.replace(new, created=max(new.created, active.created + 1))
        rotation = Rotation(from_=active.key, to=new.key, time=new.created, signature="")
        rotation = heads.signed_rotation(rotation, self._secret.open(active.key, sealed).sign)
        writing.put(INSTALLATION, KIND, msgspec.structs.replace(active, rotation=rotation))
        writing.put(INSTALLATION, KIND, new)

    @contextmanager
    def _new_private(self) -> Iterator[Ed25519PrivateKey]:
        """Give a new private part, kept before its key is in the log; forgotten again if it does not come there."""
        private = Ed25519PrivateKey.generate()
        public = public_text(private)
        self._safe.keep(public, self._secret.seal(public, private))
        try:
            yield private
        finally:
            with self._log.reading() as reading:
                is_used = reading.item(INSTALLATION, KIND, public) is not None
            if not is_used:
                self._safe.forget(public)

    def _destroy_unused(self) -> None:
        with self._log.reading() as reading:
            unused = [key.key for key in signing_keys(reading) if not key.is_active]
        for key in unused:
            self._safe.forget(key)

    def _key(self, private: Ed25519PrivateKey, name: str) -> SigningKey:
        return SigningKey(key=public_text(private), name=name, created=round(self._clock.now().timestamp() * 1000))


def _made(writing: Writing) -> MadeKey:
    made = next(edit for edit in writing.changes_made[INSTALLATION].edits if edit.before is None)
    assert made.left is not None  # a new key was put
    return MadeKey(made.left.read(SigningKey), outcome_of(writing, INSTALLATION, (KIND, made.key)))
