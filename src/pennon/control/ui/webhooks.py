"""Webhooks of a project, or of the installation: the list with how they do, one of them, and the forms about it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from litestar import Request, Response

from pennon.control.errors import Invalid, PennonError
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import NOTHING, idempotency, once
from pennon.control.ui.project import require_typed
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor
from pennon.control.ui.webhook_owners import Owned, Owner
from pennon.control.webhooks.deliveries import DeliveryState
from pennon.control.webhooks.models import EVENT_TYPES, Format, Webhook
from pennon.control.webhooks.service import MadeWebhook, Wish
from pennon.control.webhooks.views import webhook as find_webhook
from pennon.control.webhooks.views import webhooks

FORMATS: Mapping[Format, str] = {
    "pennon": "JSON, signed",
    "slack": "a message, as Slack and Mattermost take it",
}
"""How it is told, in words."""
STATES: Mapping[DeliveryState, str] = {"pending": "waiting", "dead": "dead", "delivered": "delivered"}
"""What became of a delivery, in words."""
_DELIVERIES = 25
_LONGEST_OVERLAP_H = 30 * 24


def webhook_pages(pages: Pages, path: str) -> list[Any]:
    """Return the routes below *path*."""
    return [*_list_pages(pages, path), *_one_pages(pages, path + "/{webhook:str}")]


def _list_pages(pages: Pages, path: str) -> list[Any]:
    @shows(path, permission="webhook.manage")
    def list_webhooks(request: Request[Visitor, Any, Any], owner: Owned) -> Response[Any]:
        """Show the webhooks, and how they are doing."""
        return _listed(pages, request, owner)

    @acts(path, permission="webhook.manage")
    def create_webhook(request: Request[Visitor, Any, Any], owner: Owned, form: Sent) -> Response[Any]:
        """Make a webhook, and show its secret this once."""
        try:
            made = pages.services.webhooks.create_webhook(
                owner.log,
                form.text("key"),
                _wish(form),
                by=request.user.actor,
                why=reason(form.text("why")),
                idempotency=idempotency(form),
            )
        except PennonError as error:
            return _listed(pages, request, owner, typed=form, error=error)
        return _told_secret(pages, request, owner, made)

    return [list_webhooks, create_webhook]


def _one_pages(pages: Pages, one: str) -> list[Any]:
    @shows(one, permission="webhook.manage")
    def show_webhook(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named) -> Response[Any]:
        """Show a webhook, and what was delivered to it."""
        return shown_webhook(pages, request, owner, webhook)

    @acts(one, permission="webhook.manage")
    def change_webhook(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, form: Sent) -> Response[Any]:
        """Have a webhook be as the form says."""
        try:
            pages.services.webhooks.change_webhook(
                owner.log,
                webhook,
                _wish(form),
                expected=form.whole("version"),
                by=request.user.actor,
                why=reason(form.text("why")),
            )
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, form=form, error=error)
        return sent_to(with_note(owner.path(webhook), "saved"))

    @acts(one + "/rotate", permission="webhook.manage")
    def rotate_webhook(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, form: Sent) -> Response[Any]:
        """Sign by a new secret, for a while by the present one too, and show the new one this once."""
        try:
            hours = form.whole("hours")
            if hours is None or hours > _LONGEST_OVERLAP_H:
                raise Invalid.at("/hours", "is no number of hours", f"write one from 0 to {_LONGEST_OVERLAP_H}")
            made = pages.services.webhooks.rotate_secret(
                owner.log,
                webhook,
                overlap=timedelta(hours=hours),
                by=request.user.actor,
                why=reason(form.text("why")),
                idempotency=idempotency(form),
            )
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, error=error)
        return _told_secret(pages, request, owner, made)

    @acts(one + "/delete", permission="webhook.manage")
    def delete_webhook(request: Request[Visitor, Any, Any], owner: Owned, webhook: Named, form: Sent) -> Response[Any]:
        """Delete a webhook, if its key was typed."""
        try:
            require_typed(form, webhook)
            pages.services.webhooks.delete_webhook(
                owner.log, webhook, by=request.user.actor, why=reason(form.text("why"))
            )
        except PennonError as error:
            return shown_webhook(pages, request, owner, webhook, form=form, error=error)
        return sent_to(with_note(owner.path(), "deleted"))

    return [show_webhook, change_webhook, rotate_webhook, delete_webhook]


def _wish(form: Form) -> Wish:
    shape = next((each for each in FORMATS if each == form.raw("format")), None)
    if shape is None:
        raise Invalid.at("/format", "is no format", "choose one")
    return Wish(
        url=form.text("url"),
        format=shape,
        events=tuple(dict.fromkeys(form.all("events"))),
        environments=tuple(dict.fromkeys(form.all("environments"))),
        production_only=form.has("productionOnly"),
        enabled=form.has("enabled"),
        description=form.text("description"),
    )


def _form_of(webhook: Webhook, url: str | None) -> Form:
    """Return the form as it is before anybody typed."""
    ticks = {"productionOnly": webhook.production_only, "enabled": webhook.enabled}
    return Form(
        (
            ("url", url or ""),
            ("format", webhook.format),
            ("description", webhook.description),
            *(("events", each) for each in webhook.events),
            *(("environments", each) for each in webhook.environments),
            *((name, "on") for name, ticked in ticks.items() if ticked),
        )
    )


def _listed(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    owner: Owner,
    *,
    typed: Form | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = owner.frame(pages, request.user, reading)
        found = webhooks(reading, owner.log)
    return pages.answer(
        request,
        "webhooks.html",
        frame=frame,
        owner=owner,
        found=[(each, pages.services.webhooks.circuit(each)) for each in found],
        tally=pages.services.webhooks.tally(found),
        now=pages.clock.now(),
        events=EVENT_TYPES,
        formats=FORMATS,
        typed=typed or Form((("enabled", "on"),)),
        is_typed=typed is not None,
        once=once(),
        status=status_for(error),
        **told(error),
    )


def shown_webhook(  # which, and what was typed
    pages: Pages,
    request: Request[Visitor, Any, Any],
    owner: Owner,
    key: str,
    *,
    form: Form = NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    """Return the page of a webhook: how it is doing, its form, and a page of its deliveries."""
    asked = request.query_params
    state = next((each for each in STATES if each == asked.get("state")), None)
    service = pages.services.webhooks
    with pages.services.log.reading() as reading:
        frame = owner.frame(pages, request.user, reading)
        found = find_webhook(reading, owner.log, key)
    deliveries = service.deliveries(
        owner.log, key, state=state, after=asked.get("after") or None, limit=_DELIVERIES + 1
    )
    return pages.answer(
        request,
        "webhook.html",
        frame=frame,
        owner=owner,
        webhook=found,
        circuit=service.circuit(found),
        now=pages.clock.now(),
        tally=service.tally([found])[key],
        deliveries=deliveries[:_DELIVERIES],
        next=deliveries[_DELIVERIES - 1].id if len(deliveries) > _DELIVERIES else None,
        states=STATES,
        state=state,
        events=EVENT_TYPES,
        formats=FORMATS,
        typed=form if form.has("url") else _form_of(found, service.url(found)),
        confirm=form.text("confirm"),
        once=once(),
        status=status_for(error),
        **told(error),
    )


def _told_secret(pages: Pages, request: Request[Visitor, Any, Any], owner: Owner, made: MadeWebhook) -> Response[Any]:
    """Return the page that shows a secret. It is in this answer only, and no cache keeps it."""
    with pages.services.log.reading() as reading:
        frame = owner.frame(pages, request.user, reading)
    return pages.answer(
        request, "webhook_secret.html", frame=frame, owner=owner, webhook=made.webhook, secret=made.secret
    )
