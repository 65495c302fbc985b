"""The keys of an environment: the list, one of them, and the page that shows a new secret this once."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.access.credentials import NewKey
from pennon.control.access.keys import IssuedKey
from pennon.control.access.views import environments_of_key, keys, place, roles
from pennon.control.access.views import key as find_key
from pennon.control.environments.views import Environment
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName, Reading
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import NOTHING, idempotency, once
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.times import time_of
from pennon.control.ui.visitors import Visitor
from pennon.model import KeyKind, KeyRecord
from pennon.stream.modules import listing
from pennon.stream.snippets import snippet

_PAGE = 50
_HOURS = 24
_KINDS: dict[str, KeyKind] = {"server": "server", "client": "client", "edge": "edge"}
_KEYS = ENVIRONMENT + "/keys"
_KEY = _KEYS + "/{key:str}"


def key_pages(pages: Pages, *, public_url: str | None) -> list[Any]:
    """Return the routes. Programs reach the server at *public_url*; None: where the browser does."""

    @shows(_KEYS, permission="key.read")
    def list_keys(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show a page of keys."""
        return _listed(pages, request, EnvironmentName(project, environment))

    @acts(_KEYS, permission="key.manage")
    def create_key(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent
    ) -> Response[Any]:
        """Create a key, and show its secret this once."""
        name = EnvironmentName(project, environment)
        try:
            new, opened = _new_key(form), _opened(form, name)
            with pages.services.log.reading() as reading:
                _require_reach(reading, request.user, opened)
            issued = pages.services.keys.create_key(
                opened, new, by=request.user.actor, why=reason(form.text("why")), idempotency=idempotency(form)
            )
        except PennonError as error:
            return _listed(pages, request, name, typed=form, error=error)
        return _issued(pages, request, name, issued, public_url)

    @shows(_KEY, permission="key.read")
    def show_key(request: Request[Visitor, Any, Any], project: Named, environment: Named, key: Named) -> Response[Any]:
        """Show a key, without its secret, which nobody has."""
        return _shown(pages, request, EnvironmentName(project, environment), key)

    @acts(_KEY + "/rotate", permission="key.manage")
    def rotate_key(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, key: Named, form: Sent
    ) -> Response[Any]:
        """Make a key's successor, and show its secret this once."""
        name = EnvironmentName(project, environment)
        try:
            issued = pages.services.keys.rotate_key(
                name,
                key,
                overlap=_overlap(form),
                by=request.user.actor,
                why=reason(form.text("why")),
                idempotency=idempotency(form),
            )
        except PennonError as error:
            return _shown(pages, request, name, key, typed=form, error=error)
        return _issued(pages, request, name, issued, public_url, hours=form.whole("hours"))

    @acts(_KEY + "/revoke", permission="key.manage")
    def revoke_key(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, key: Named, form: Sent
    ) -> Response[Any]:
        """Make a key worthless, if that was confirmed."""
        name = EnvironmentName(project, environment)
        try:
            if not form.has("sure"):
                raise Invalid.at("/sure", "is not ticked", "tick it if nothing uses this key any more")
            pages.services.keys.revoke_key(name, key, by=request.user.actor, why=reason(form.text("why")))
        except PennonError as error:
            return _shown(pages, request, name, key, typed=form, error=error)
        return sent_to(with_note(page_path("projects", project, "environments", environment, "keys"), "revoked"))

    return [list_keys, create_key, show_key, rotate_key, revoke_key]


def _new_key(form: Form) -> NewKey:
    kind = _KINDS.get(form.raw("kind"))
    if kind is None:
        raise Invalid.at("/kind", "is no kind of key", "choose one")
    expires = time_of(form, "notAfter")
    return NewKey(
        kind=kind,
        name=form.text("name"),
        # Fields of another kind are out of sight, whatever is left in them.
        origins=tuple(dict.fromkeys(form.raw("origins").split())) if kind == "client" else (),
        not_after=None if expires is None else int(expires.timestamp()),
        require_signature=kind == "client" and form.has("requireSignature"),
    )


def _opened(form: Form, name: EnvironmentName) -> list[EnvironmentName]:
    also = dict.fromkeys(form.all("environments")) if form.raw("kind") == "edge" else ()
    others = (EnvironmentName(name.project, key) for key in also)
    return [name, *(each for each in others if each != name)]


def _overlap(form: Form) -> timedelta:
    hours = form.whole("hours")
    if hours is None or hours > 10_000:
        raise Invalid.at("/hours", "is no number of hours", "write one from 0 to 2160")
    return timedelta(hours=hours)


def _require_reach(reading: Reading, visitor: Visitor, opened: list[EnvironmentName]) -> None:
    """Raise `Forbidden` unless the visitor may make keys in every environment that this one is to open."""
    known = roles(reading)
    for each in opened:
        visitor.principal.require("key.manage", place(reading, each.project, each.environment), roles=known)


def _listed(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    *,
    typed: Form = NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    after = request.query_params.get("after") or None
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        find_environment(reading, name)
        found = keys(reading, name, after=after, limit=_PAGE + 1)
    return pages.answer(
        request,
        "keys.html",
        frame=frame,
        keys=[(each, _state(pages, each)) for each in found[:_PAGE]],
        after=after,
        next=found[_PAGE - 1].key if len(found) > _PAGE else None,
        others=_others(frame),
        typed=typed,
        once=once(),
        status=status_for(error),
        **told(error),
    )


def _others(frame: Frame) -> list[Environment]:
    return [each for each in frame.environments if each != frame.environment and frame.may("key.manage", each)]


def _state(pages: Pages, record: KeyRecord) -> str:
    if record.revoked:
        return "revoked"
    is_over = record.not_after is not None and record.not_after <= pages.clock.now().timestamp()
    return "expired" if is_over else "good"


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    key: str,
    *,
    typed: Form | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        record = find_key(reading, name, key)
        opens = environments_of_key(reading, record.key) if record.kind == "edge" else [name]
    seen = [each for each in opens if request.user.principal.sees(each.project)]
    return pages.answer(
        request,
        "key.html",
        frame=frame,
        record=record,
        state=_state(pages, record),
        opens=seen,
        unseen=len(opens) - len(seen),
        typed=typed or Form((("hours", str(_HOURS)),)),
        once=once(),
        status=status_for(error),
        **told(error),
    )


def _issued(  # which key, and where it is used
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    issued: IssuedKey,
    public_url: str | None,
    *,
    hours: int | None = None,
) -> Response[Any]:
    """Return the page that shows a secret. It is in this answer only, and no cache keeps it."""
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
    record, url = issued.record, (public_url or str(request.base_url)).rstrip("/")
    text = "" if issued.secret is None else snippet(record.kind, url, issued.secret, listing()["pennon.js"])
    return pages.answer(
        request,
        "new_key.html",
        frame=frame,
        record=msgspec.structs.replace(record, signing_secret=""),
        secret=issued.secret,
        signing_secret=record.signing_secret if issued.secret else "",
        snippet=text,
        hours=hours,
    )
