"""Signing keys over HTTP: public parts only. Private ones never leave the server."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import REVISION, ListOf, done_answer, list_answer, paged
from pennon.control.api.inputs import Command, Key, Paging
from pennon.control.api.routes import creates, deletes, reads
from pennon.control.services import Services
from pennon.control.signing.keys import SigningKey, signing_keys
from pennon.control.signing.service import MadeKey

_KEYS = "/signing-keys"

Confirm: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="confirm", max_length=256, description="The key that signs, once more, to end signing."),
]


class SigningKeyResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key that heads are signed by, or were."""

    key: Annotated[str, Meta(description="The public part, as `trusted_keys` of an SDK takes it.")]
    name: str
    created: Annotated[int, Meta(description="When it was made, in milliseconds since 1970.")]
    active: Annotated[bool, Meta(description="Whether heads are signed by it.")]
    replaced_by: Annotated[str | None, Meta(description="The key that it named as its successor; null for none.")]
    retired: Annotated[bool, Meta(description="Whether its word on its successor is passed on no more.")]


class NewSigningKeyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A signing key to make."""

    name: Annotated[str, Meta(max_length=200, description="For people.")] = ""


def signing_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @reads(_KEYS, ListOf[SigningKeyResource], permission="signing.manage")
    def list_signing_keys(paging: Paging) -> Response[Any]:
        """List all signing keys, replaced and retired ones too."""
        with services.log.reading() as reading:
            found = sorted(signing_keys(reading), key=lambda key: key.key)
        after = [key for key in found if paging.after is None or key.key > paging.after]
        page, following = paged(after[: paging.limit + 1], paging.limit, lambda key: key.key)
        return list_answer((msgspec.json.encode(_shown(key)) for key in page), following)

    @creates(_KEYS, SigningKeyResource, permission="signing.manage", example={"name": "2026"})
    def create_signing_key(data: JSONBody[NewSigningKeyBody], command: Command) -> Response[Any]:
        """Make the key that heads are signed by from now on, where none are yet."""
        return _made(services.signing.create_key(name=data.name, **command.said))

    @creates(_KEYS + "/rotate", SigningKeyResource, permission="signing.manage", example={"name": "2027"})
    def rotate_signing_key(data: JSONBody[NewSigningKeyBody], command: Command) -> Response[Any]:
        """Put a new key in the place of the one that signs, by that one's signed word."""
        return _made(services.signing.rotate_key(name=data.name, **command.said))

    @deletes(_KEYS + "/{key:str}", permission="signing.manage")
    def retire_signing_key(
        key: Key,
        command: Command,
        confirm: Confirm = None,
    ) -> Response[Any]:
        """Pass a replaced key's word on no more. The key that signs, only if confirmed: nothing is signed then."""
        return done_answer(services.signing.retire_key(key, confirm=confirm, **command.said))

    return [list_signing_keys, create_signing_key, rotate_signing_key, retire_signing_key]


def _shown(key: SigningKey) -> SigningKeyResource:
    return SigningKeyResource(
        key=key.key,
        name=key.name,
        created=key.created,
        active=key.is_active,
        replaced_by=None if key.rotation is None else key.rotation.to,
        retired=key.retired,
    )


def _made(made: MadeKey) -> Response[SigningKeyResource]:
    return Response(_shown(made.key), status_code=201, headers={REVISION: str(made.outcome.position)})
