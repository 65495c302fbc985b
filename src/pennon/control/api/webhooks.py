"""Webhooks over HTTP: of a project, and of the installation. A secret is in one answer only."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import JSON_TYPE, REVISION, ListOf, done_answer, etag, list_answer, paged
from pennon.control.api.inputs import Command, Expected, Key, Paging
from pennon.control.api.resources import Resource, require_same_key
from pennon.control.api.routes import PROJECT, creates, deletes, reads, replaces
from pennon.control.log import INSTALLATION, Outcome, project_log
from pennon.control.mounting import Mounted
from pennon.control.services import Services
from pennon.control.webhooks.deliveries import Delivery, DeliveryState
from pennon.control.webhooks.models import EVENT_TYPES, MOST_ENVIRONMENTS, Format, Webhook
from pennon.control.webhooks.service import MadeWebhook, Wish
from pennon.control.webhooks.views import webhook as find_webhook
from pennon.control.webhooks.views import webhooks

Owner: TypeAlias = NamedDependency[str]
"""The log that has the webhooks of a path."""
_READ_ONLY = {"readOnly": True}
_EXAMPLE = {"url": "https://hooks.example/T024/B7", "format": "slack", "productionOnly": True}

_Event: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": list(EVENT_TYPES)})]
"""Not a literal, so that who writes another is told which there are."""
_OfState: TypeAlias = Annotated[
    DeliveryState | None, QueryParameter(name="state", description="Only those that are pending, delivered or dead.")
]


class WebhookBody(Resource, frozen=True, kw_only=True):
    """Where somebody is told of what, and how."""

    url: Annotated[
        Annotated[str, Meta(max_length=2000)] | None,
        Meta(description="Where it leads. It is sealed, and shown to who may manage webhooks; left out: as it is."),
    ] = None
    format: Annotated[
        Format, Meta(description="pennon: JSON, signed; slack: a message as Slack and Mattermost take it.")
    ] = "pennon"
    events: Annotated[tuple[_Event, ...], Meta(max_length=50, description="What it is told of; none: all.")] = ()
    environments: Annotated[
        tuple[Annotated[str, Meta(max_length=64)], ...],
        Meta(max_length=MOST_ENVIRONMENTS, description="The environments of the project that it hears of; none: all."),
    ] = ()
    production_only: Annotated[bool, Meta(description="Of environments, only those that are marked as production.")] = (
        False
    )
    enabled: bool = True
    description: Annotated[str, Meta(max_length=4000)] = ""
    host: Annotated[str | None, Meta(description="Scheme and host of the URL.", extra_json_schema=_READ_ONLY)] = None
    failures: Annotated[
        int | None, Meta(description="Attempts that failed in a row.", extra_json_schema=_READ_ONLY)
    ] = None
    open_until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Nothing is tried before, for too much failed.", extra_json_schema=_READ_ONLY),
    ] = None

    @property
    def wish(self) -> Wish:
        """The same as the service takes it."""
        return Wish(**{name: getattr(self, name) for name in Wish.__struct_fields__})


class NewWebhook(WebhookBody, frozen=True, kw_only=True):
    """A webhook to create."""

    key: str
    url: Annotated[str, Meta(max_length=2000, description="Where it leads: https://.")]


class RotateSecretBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """For how long both secrets sign."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86400)] = 86400


class MadeWebhookResource(msgspec.Struct, frozen=True):
    """A webhook, and its secret, which is shown this once; null where the command had been accepted before."""

    webhook: WebhookBody
    secret: str | None


class DeliveryResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that was, or is to be, delivered. `id` is sent as `webhook-id`, the same at each attempt."""

    id: str
    type: str
    state: DeliveryState
    created: datetime
    attempts: int
    due: Annotated[datetime | None, Meta(description="When it is tried next; null: it is not.")]
    ended: datetime | None
    status: Annotated[int | None, Meta(description="What the endpoint answered last; null: it did not.")]
    said: Annotated[str, Meta(description="The start of that answer, or why there was none.")]


class ShownDelivery(DeliveryResource, frozen=True, kw_only=True):
    """The same, with what is sent."""

    body: msgspec.Raw


class RedeliveredResource(msgspec.Struct, frozen=True):
    """How many deliveries are sent again."""

    redelivered: int


def webhook_routes(services: Services) -> list[Any]:
    """Return the routes."""

    def provide_project(project: Key) -> str:
        return project_log(project)

    def provide_installation() -> str:
        return INSTALLATION

    def router(path: str, owner: Callable[..., str], *, infix: str) -> Mounted:
        def named(function: Any) -> Any:
            function.__name__ = function.__name__.replace("_webhook", f"{infix}_webhook")
            return function

        routes = [*_webhook_routes(services, path, named), *_delivery_routes(services, path + "/{webhook:str}", named)]
        return Mounted("/", route_handlers=routes, dependencies={"owner": Provide(owner, sync_to_thread=False)})

    return [
        router(PROJECT + "/webhooks", provide_project, infix=""),
        router("/webhooks", provide_installation, infix="_installation"),
    ]


def _webhook_routes(services: Services, path: str, named: Callable[[Any], Any]) -> list[Any]:
    one = path + "/{webhook:str}"

    @reads(path, ListOf[WebhookBody], permission="webhook.manage")
    @named
    def list_webhooks(owner: Owner) -> Response[Any]:
        """List webhooks, in the order of their keys."""
        with services.log.reading() as reading:
            found = webhooks(reading, owner)
        return list_answer((_show(services, each) for each in found), None)

    @creates(path, MadeWebhookResource, permission="webhook.manage", example={"key": "team", **_EXAMPLE})
    @named
    def create_webhook(owner: Owner, data: JSONBody[NewWebhook], command: Command) -> Response[Any]:
        """Make a webhook, which hears of what happens from now on, and tell its secret this once."""
        return _made_answer(services, services.webhooks.create_webhook(owner, data.key, data.wish, **command.said), 201)

    @reads(one, WebhookBody, permission="webhook.manage")
    @named
    def read_webhook(owner: Owner, webhook: Key) -> Response[Any]:
        """Show a webhook, and how it has been doing."""
        with services.log.reading() as reading:
            found = find_webhook(reading, owner, webhook)
        return Response(_show(services, found), media_type=JSON_TYPE, headers={"ETag": etag(found)})

    @replaces(one, WebhookBody, permission="webhook.manage", example=_EXAMPLE)
    @named
    def change_webhook(
        owner: Owner, webhook: Key, data: JSONBody[WebhookBody], command: Command, expected: Expected
    ) -> Response[Any]:
        """Have a webhook be as this says."""
        require_same_key(data, webhook)
        outcome = services.webhooks.change_webhook(owner, webhook, data.wish, expected=expected, **command.said)
        return _changed_answer(services, outcome)

    @deletes(one, permission="webhook.manage")
    @named
    def delete_webhook(owner: Owner, webhook: Key, command: Command, expected: Expected) -> Response[Any]:
        """Delete a webhook, and what was to be delivered to it."""
        return done_answer(services.webhooks.delete_webhook(owner, webhook, expected=expected, **command.said))

    @creates(
        one + "/rotate",
        MadeWebhookResource,
        permission="webhook.manage",
        status=200,
        example={"overlapSeconds": 86400},
    )
    @named
    def rotate_webhook(owner: Owner, webhook: Key, data: JSONBody[RotateSecretBody], command: Command) -> Response[Any]:
        """Sign by a new secret, for a while by the present one too, and tell the new one this once."""
        overlap = timedelta(seconds=data.overlap_seconds)
        made = services.webhooks.rotate_secret(owner, webhook, overlap=overlap, **command.said)
        return _made_answer(services, made, 200)

    return [list_webhooks, create_webhook, read_webhook, change_webhook, delete_webhook, rotate_webhook]


def _delivery_routes(services: Services, one: str, named: Callable[[Any], Any]) -> list[Any]:
    @creates(one + "/test", DeliveryResource, permission="webhook.manage")
    @named
    def test_webhook(owner: Owner, webhook: Key, command: Command) -> Response[Any]:
        """Have a test be delivered, at once and once. Look at the delivery for what came of it."""
        return Response(
            _delivery(services.webhooks.test(owner, webhook, idempotency=command.idempotency)), status_code=201
        )

    @reads(one + "/deliveries", ListOf[DeliveryResource], permission="webhook.manage")
    @named
    def list_webhook_deliveries(owner: Owner, webhook: Key, paging: Paging, of_state: _OfState = None) -> Response[Any]:
        """List what was, or is to be, delivered, the newest first. It is kept for 30 days."""
        found = services.webhooks.deliveries(owner, webhook, state=of_state, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda each: each.id)
        return list_answer((msgspec.json.encode(_delivery(each)) for each in page), following)

    @creates(one + "/deliveries/redeliver", RedeliveredResource, permission="webhook.manage", status=200)
    @named
    def redeliver_webhook(owner: Owner, webhook: Key, command: Command) -> Response[Any]:
        """Send everything again that is dead, for another day."""
        return Response(RedeliveredResource(services.webhooks.redeliver(owner, webhook)), status_code=200)

    @reads(one + "/deliveries/{delivery:str}", ShownDelivery, permission="webhook.manage")
    @named
    def read_webhook_delivery(owner: Owner, webhook: Key, delivery: Key) -> Response[Any]:
        """Show a delivery, with what is sent."""
        found = services.webhooks.delivery(owner, webhook, delivery)
        shown = msgspec.structs.asdict(_delivery(found))
        return Response(msgspec.json.encode(ShownDelivery(**shown, body=msgspec.Raw(found.body))), media_type=JSON_TYPE)

    @creates(one + "/deliveries/{delivery:str}/redeliver", DeliveryResource, permission="webhook.manage", status=200)
    @named
    def redeliver_webhook_delivery(owner: Owner, webhook: Key, delivery: Key, command: Command) -> Response[Any]:
        """Send a delivery again, whatever came of it, under its old id."""
        services.webhooks.redeliver(owner, webhook, identity=delivery)
        return Response(_delivery(services.webhooks.delivery(owner, webhook, delivery)), status_code=200)

    return [
        test_webhook,
        list_webhook_deliveries,
        redeliver_webhook,
        read_webhook_delivery,
        redeliver_webhook_delivery,
    ]


def show_webhook(webhook: Webhook) -> WebhookBody:
    """Return a webhook as it is shown, without where it leads and how it is doing."""
    return WebhookBody(
        key=webhook.key,
        version=webhook.version,
        changed_at=webhook.changed_at,
        hash=webhook.hash,
        format=webhook.format,
        events=webhook.events,
        environments=webhook.environments,
        production_only=webhook.production_only,
        enabled=webhook.enabled,
        description=webhook.description,
        host=webhook.host,
    )


def _shown(services: Services, webhook: Webhook) -> WebhookBody:
    circuit = services.webhooks.circuit(webhook)
    known = {"url": services.webhooks.url(webhook), "failures": circuit.failures, "open_until": circuit.open_until}
    return msgspec.structs.replace(show_webhook(webhook), **known)


def _show(services: Services, webhook: Webhook) -> bytes:
    return msgspec.json.encode(_shown(services, webhook))


def _made_answer(services: Services, made: MadeWebhook, status: int) -> Response[Any]:
    headers = {REVISION: str(made.outcome.position), "ETag": etag(made.webhook)}
    return Response(
        MadeWebhookResource(_shown(services, made.webhook), made.secret), status_code=status, headers=headers
    )


def _changed_answer(services: Services, outcome: Outcome) -> Response[Any]:
    headers = {REVISION: str(outcome.position)}
    if outcome.item is None:  # a command that was sent again, of a webhook that is gone by now
        return Response(None, status_code=204, headers=headers)
    found = outcome.item.read(Webhook)
    return Response(_show(services, found), media_type=JSON_TYPE, headers=headers | {"ETag": etag(found)})


def _delivery(delivery: Delivery) -> DeliveryResource:
    return DeliveryResource(
        id=delivery.id,
        type=delivery.type,
        state=delivery.state,
        created=delivery.created,
        attempts=delivery.attempts,
        due=delivery.due if delivery.state == "pending" else None,
        ended=delivery.ended,
        status=delivery.status,
        said=delivery.said,
    )
