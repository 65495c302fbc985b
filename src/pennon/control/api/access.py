"""Tokens and keys over HTTP. A secret is in one answer only: that of the request that made it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.access.credentials import NewKey, NewToken, Token
from pennon.control.access.keys import IssuedKey
from pennon.control.access.permissions import Permission, Principal
from pennon.control.access.views import keys, tokens
from pennon.control.api.answers import REVISION, ListOf, done_answer, list_answer, paged
from pennon.control.api.authentication import require_in
from pennon.control.api.inputs import Command, Key, Paging, Place
from pennon.control.api.routes import ENVIRONMENT, creates, deletes, reads
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid
from pennon.control.log import EnvironmentName
from pennon.control.services import Services
from pennon.model import KeyKind, KeyRecord
from pennon.model.problems import pointer

_KEYS = ENVIRONMENT + "/keys"
_KEY = _KEYS + "/{key:str}"

MAX_TIME_S = 2**53 - 1

Expiry: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIME_S, description="Seconds since 1970.")]


class TokenResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token of the admin API. `key` is the SHA-256 of its secret, whose first digits name it."""

    key: str
    name: str
    role: str
    project: Annotated[str | None, Meta(description="The only project it acts in; null for all.")]
    environments: Annotated[tuple[str, ...], Meta(description="The only environments it acts in; none: all.")]
    scopes: Annotated[tuple[str, ...] | None, Meta(description="The only permissions it uses; null for its role's.")]
    not_after: Annotated[int | None, Meta(description="When it expires, epoch seconds; null for never.")]
    revoked: bool
    last_used: Annotated[datetime | None, Meta(description="To the minute; null for never.")]


class NewTokenBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token to create."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="Who or what uses it.")]
    role: Annotated[str, Meta(max_length=256, description="What it may do: the key of a role.")]
    project: Annotated[str | None, Meta(description="The only project it acts in; null for all.")] = None
    environments: Annotated[
        tuple[str, ...], Meta(max_length=100, description="The only environments of the project it acts in; none: all.")
    ] = ()
    scopes: Annotated[
        tuple[Permission, ...] | None,
        Meta(description="The only permissions that it uses of those its role gives; null for all."),
    ] = None
    not_after: Annotated[Expiry | None, Meta(description="When it expires; null for never.")] = None


class IssuedTokenResource(msgspec.Struct, frozen=True, rename="camel"):
    """A token that was made. `secret` is shown this once; null where the command had been accepted before."""

    token: TokenResource
    secret: str | None


class NewKeyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key to create."""

    kind: Annotated[KeyKind, Meta(description="Who uses it: a server, a browser or app, or an edge node.")]
    name: Annotated[str, Meta(max_length=200, description="Who or what uses it.")] = ""
    origins: Annotated[
        tuple[str, ...], Meta(max_length=100, description="Pages that may use a client key; none: any.")
    ] = ()
    not_after: Annotated[Expiry | None, Meta(description="When it expires; null for never.")] = None
    require_signature: Annotated[
        bool, Meta(description="A client key evaluates for targeting keys only that your server signed.")
    ] = False
    environments: Annotated[
        tuple[str, ...],
        Meta(max_length=100, description="Other environments that an edge key opens too, as `project/environment`."),
    ] = ()


class RotateBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """For how long the old key stays good beside the new one."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=90 * 86400)] = 86400


class KeyResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key of an environment. `key` is the SHA-256 of its secret, whose first digits name it."""

    key: str
    kind: KeyKind
    name: str
    origins: tuple[str, ...]
    not_after: Annotated[int | None, Meta(description="When it expires, epoch seconds; null for never.")]
    revoked: bool
    requires_signature: Annotated[bool, Meta(description="Whether targeting keys must be signed.")]


class IssuedKeyResource(msgspec.Struct, frozen=True, rename="camel"):
    """A key that was made. `secret` is shown this once; null where the command had been accepted before.

    So is `signingSecret`, of a key that requires signatures.
    """

    key: KeyResource
    secret: str | None
    signing_secret: str | None


def _token(token: Token, last_used: datetime | None = None) -> TokenResource:
    return TokenResource(
        key=token.key,
        name=token.name,
        role=token.role,
        project=token.project,
        environments=token.environments,
        scopes=token.scopes,
        not_after=token.not_after,
        revoked=token.revoked,
        last_used=last_used,
    )


def _key(record: KeyRecord) -> KeyResource:
    return KeyResource(
        key=record.key,
        kind=record.kind,
        name=record.name,
        origins=record.origins,
        not_after=record.not_after,
        revoked=record.revoked,
        requires_signature=bool(record.signing_secret),
    )


def _issued(issued: IssuedKey) -> Response[IssuedKeyResource]:
    headers = {REVISION: str(issued.outcome.position), "Cache-Control": "no-store"}
    shown = issued.record.signing_secret if issued.secret is not None else ""
    made = IssuedKeyResource(_key(issued.record), issued.secret, shown or None)
    return Response(made, status_code=201, headers=headers)


def access_routes(services: Services) -> list[Any]:
    """Return the routes. *last_used* tells when tokens, named by their hashes, were used last."""
    return [*_token_routes(services), *_key_routes(services)]


def _token_routes(services: Services) -> list[Any]:
    @reads("/tokens", ListOf[TokenResource], permission="access.manage")
    def list_tokens(paging: Paging) -> Response[Any]:
        """List all tokens, revoked and expired ones too."""
        with services.log.reading() as reading:
            found = tokens(reading, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda token: token.key)
        times = services.last_used([token.key for token in page])
        return list_answer((msgspec.json.encode(_token(token, times.get(token.key))) for token in page), following)

    @creates(
        "/tokens",
        IssuedTokenResource,
        permission="access.manage",
        example={
            "name": "deploy pipeline",
            "role": "releaseManager",
            "project": "shop",
            "scopes": ["read", "flag.change"],
        },
    )
    def create_token(data: JSONBody[NewTokenBody], command: Command) -> Response[Any]:
        """Create a token."""
        new = NewToken(**msgspec.structs.asdict(data))
        issued = services.tokens.create_token(new, **command.said)
        headers = {REVISION: str(issued.outcome.position), "Cache-Control": "no-store"}
        return Response(IssuedTokenResource(_token(issued.token), issued.secret), status_code=201, headers=headers)

    @deletes("/tokens/{token:str}", permission="access.manage")
    def revoke_token(token: Key, command: Command) -> Response[Any]:
        """Make a token worthless from now on. It is named by its hash or the hash's first digits."""
        return done_answer(services.tokens.revoke_token(token, **command.said))

    return [list_tokens, create_token, revoke_token]


def _key_routes(services: Services) -> list[Any]:
    @reads(_KEYS, ListOf[KeyResource], permission="key.read")
    def list_keys(where: Place, paging: Paging) -> Response[Any]:
        """List the keys of an environment, revoked and expired ones too."""
        with services.log.reading() as reading:
            find_environment(reading, where)
            found = keys(reading, where, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda record: record.key)
        return list_answer((msgspec.json.encode(_key(record)) for record in page), following)

    @creates(_KEYS, IssuedKeyResource, permission="key.manage", example={"kind": "server", "name": "checkout service"})
    def create_key(
        request: Request[Any, Principal, Any],
        where: Place,
        data: JSONBody[NewKeyBody],
        command: Command,
    ) -> Response[Any]:
        """Create a key."""
        opened = [where, *_named(services, data.environments, request.user)]
        new = NewKey(
            kind=data.kind,
            name=data.name,
            origins=data.origins,
            not_after=data.not_after,
            require_signature=data.require_signature,
        )
        return _issued(services.keys.create_key(opened, new, **command.said))

    @creates(_KEY + "/rotate", IssuedKeyResource, permission="key.manage", example={"overlapSeconds": 86400})
    def rotate_key(where: Place, key: Key, data: JSONBody[RotateBody], command: Command) -> Response[Any]:
        """Create a key like this one, which stays good for a while only."""
        overlap = timedelta(seconds=data.overlap_seconds)
        return _issued(services.keys.rotate_key(where, key, overlap=overlap, **command.said))

    @deletes(_KEY, permission="key.manage")
    def revoke_key(where: Place, key: Key, command: Command) -> Response[Any]:
        """Make a key worthless from now on, in every environment that it opens."""
        return done_answer(services.keys.revoke_key(where, key, **command.said))

    return [list_keys, create_key, rotate_key, revoke_key]


def _named(services: Services, environments: tuple[str, ...], by: Principal) -> list[EnvironmentName]:
    """Return the environments of these names. Whoever makes the key must be allowed to in each."""
    names = []
    for index, text in enumerate(environments):
        project, slash, environment = text.partition("/")
        if not (project and slash and environment):
            problem = f"{text!r} is not the name of an environment"
            raise Invalid.at(pointer("environments", index), problem, "write project/environment")
        names.append(EnvironmentName(project, environment))
        require_in(services, by, "key.manage", names[-1])
    return names
