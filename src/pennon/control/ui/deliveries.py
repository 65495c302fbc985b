"""What was delivered to a webhook: one delivery with what was sent, a test, and sending again."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.errors import PennonError
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import idempotency
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.ui.webhook_owners import Owned
from pennon.control.ui.webhooks import shown_webhook
from pennon.control.webhooks.deliveries import Delivery

_LONGEST_BODY = 20_000


def delivery_pages(pages: Pages, one: str) -> list[Any]:
    """Return the routes below that of *one* webhook."""

    @acts(one + "/test", permission="webhook.manage")
    def test_webhook(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, form: Sent) -> Response[Any]:
        """Have a test be delivered, and go on to what came of it."""
        try:
            made = pages.services.webhooks.test(owner.log, webhook, idempotency=idempotency(form))
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, error=error)
        return sent_to(with_note(owner.path(webhook, "deliveries", made.id), "tested"))

    @acts(one + "/redeliver", permission="webhook.manage")
    def redeliver_dead(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, form: Sent) -> Response[Any]:
        """Send everything again that is dead."""
        try:
            pages.services.webhooks.redeliver(owner.log, webhook)
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, error=error)
        return sent_to(with_note(owner.path(webhook), "sent"))

    @shows(one + "/deliveries/{delivery:str}", permission="webhook.manage")
    def show_delivery(
        request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, delivery: Named
    ) -> Response[Any]:
        """Show a delivery, with what is sent and what was answered."""
        found = pages.services.webhooks.delivery(owner.log, webhook, delivery)
        with pages.services.log.reading() as reading:
            frame = owner.frame(pages, request.user, reading)
        return pages.answer(
            request, "delivery.html", frame=frame, owner=owner, webhook=webhook, delivery=found, body=_legible(found)
        )

    @acts(one + "/deliveries/{delivery:str}/redeliver", permission="webhook.manage")
    def redeliver(
        request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, delivery: Named, form: Sent
    ) -> Response[Any]:
        """Send one delivery again."""
        try:
            pages.services.webhooks.redeliver(owner.log, webhook, identity=delivery)
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, error=error)
        return sent_to(with_note(owner.path(webhook, "deliveries", delivery), "sent"))

    return [test_webhook, redeliver_dead, show_delivery, redeliver]


def _legible(delivery: Delivery) -> str:
    text = msgspec.json.format(delivery.body, indent=2).decode()
    return text if len(text) <= _LONGEST_BODY else f"{text[:_LONGEST_BODY]}\n… {len(text) - _LONGEST_BODY} more"
