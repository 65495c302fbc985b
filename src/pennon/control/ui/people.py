"""Accounts: the list, a new one, and one of them with its roles, its sessions and how it is kept out."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request, Response
from msgspec.structs import replace

from pennon.control.access.people import Account, account_stamp, new_password
from pennon.control.access.permissions import PERMISSIONS, Grant
from pennon.control.access.views import account as find_account
from pennon.control.access.views import accounts, administrators, roles
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import Actor
from pennon.control.ui.forms import Form
from pennon.control.ui.granting import EMPTY_ROWS, GrantRow, grants_of, place_text, rows_of, typed_rows
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.lasting import LastAdministrator, require_somebody
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor

_PAGE = 50
_ONE = "/people/accounts/{account:str}"


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of an account holds: what is known of it, or what somebody typed."""

    key: str = ""
    name: str = ""
    email: str = ""
    emergency: bool = False
    rows: tuple[GrantRow, ...] = ()
    more: int = EMPTY_ROWS

    @classmethod
    def of(cls, account: Account) -> "Typed":
        """Return what is known of *account*."""
        rows = tuple(rows_of(account.grants))
        return cls(key=account.key, name=account.name, email=account.email, emergency=account.emergency, rows=rows)

    @classmethod
    def sent(cls, form: Form, key: str) -> "Typed":
        """Return what somebody typed."""
        return cls(
            key=key,
            name=form.text("name"),
            email=form.text("email"),
            emergency=form.has("emergency"),
            rows=tuple(typed_rows(form)),
            more=EMPTY_ROWS * (2 if form.has("more") else 1),
        )

    def put_into(self, account: Account) -> Account:
        """Return *account* with what was typed."""
        grants = grants_of(self.rows)
        return replace(account, name=self.name, email=self.email, emergency=self.emergency, grants=grants)


def people_pages(pages: Pages) -> list[Any]:
    """Return the routes."""
    return [*_list_routes(pages), *_account_routes(pages)]


def _list_routes(pages: Pages) -> list[Any]:
    @shows("/people", permission="access.manage")
    def list_accounts(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show a page of accounts."""
        asked = request.query_params
        search, after = asked.get("q", "").strip()[:200], asked.get("after", "")[:256]
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
            found = pages.services.account_finder.accounts(reading, search, after=after or None, limit=_PAGE)
        return pages.answer(
            request,
            "people.html",
            frame=frame,
            search=search,
            after=after,
            found=found,
            used=_last_used(pages, [each.key for each in found.accounts]),
            place_text=place_text,
        )

    @shows("/people/new-account", permission="access.manage")
    def show_new_account(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Ask who it is."""
        return _new(pages, request, Typed(rows=(GrantRow("reader"),)))

    @acts("/people/new-account", permission="access.manage")
    def create_account(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Make an account, with a first password that is shown once if one is asked for."""
        typed = Typed.sent(form, form.text("key"))
        if form.has("more"):
            return _new(pages, request, typed, first=form.raw("first"))
        by = request.user.actor
        try:
            account = typed.put_into(Account(key=typed.key))
            pages.services.accounts.create_account(account, by=by, why=reason(form.text("why")))
        except PennonError as error:
            return _new(pages, request, typed, first=form.raw("first"), error=error)
        if form.raw("first") == "none":
            return sent_to(with_note(page_path("people", "accounts", typed.key), "made"))
        secret = new_password()
        pages.services.sign_ins.set_password(typed.key, secret)
        return _shown(pages, request, typed.key, secret=secret)

    return [list_accounts, show_new_account, create_account]


def _account_routes(pages: Pages) -> list[Any]:
    @shows(_ONE, permission="access.manage")
    def show_account(request: Request[Visitor, Any, Any], account: Named) -> Response[Any]:
        """Show an account."""
        return _shown(pages, request, account)

    @acts(_ONE, permission="access.manage")
    def change_account(request: Request[Visitor, Any, Any], account: Named, form: Sent) -> Response[Any]:
        """Say who it is, and which roles he holds where."""
        typed = Typed.sent(form, account)
        if form.has("more"):
            return _shown(pages, request, account, typed=typed)
        return _changed(pages, request, typed.put_into(_known(pages, account)), form, typed=typed)

    @acts(_ONE + "/standing", permission="access.manage")
    def change_standing(request: Request[Visitor, Any, Any], account: Named, form: Sent) -> Response[Any]:
        """Keep somebody out, or let him in again."""
        return _changed(pages, request, replace(_known(pages, account), disabled=form.has("disable")), form)

    @acts(_ONE + "/password", permission="access.manage")
    def set_password(request: Request[Visitor, Any, Any], account: Named, form: Sent) -> Response[Any]:
        """Give somebody another password: a typed one, or one that is made and shown once."""
        secret = "" if form.raw("password") else new_password()
        try:
            pages.services.sign_ins.set_password(account, form.raw("password") or secret)
        except Invalid as error:
            return _shown(pages, request, account, error=error)
        if secret:
            return _shown(pages, request, account, secret=secret)
        return sent_to(with_note(page_path("people", "accounts", account), "password"))

    @acts(_ONE + "/sign-out", permission="access.manage")
    def sign_out(request: Request[Visitor, Any, Any], account: Named, form: Sent) -> Response[Any]:
        """End every session of somebody."""
        pages.services.sign_ins.sign_out_everywhere(account)
        return sent_to(with_note(page_path("people", "accounts", account), "ended"))

    @acts(_ONE + "/delete", permission="access.manage")
    def delete_account(request: Request[Visitor, Any, Any], account: Named, form: Sent) -> Response[Any]:
        """Delete an account, if its key is typed."""
        found, why = _known(pages, account), reason(form.text("why"))
        try:
            if form.text("confirm") != found.key:
                raise Invalid.at("/confirm", "is not the account's key", f"write {found.key}")
            _keep_an_administrator(pages, found.key, None, form)
            pages.services.accounts.delete_account(found.key, by=request.user.actor, why=why)
        except PennonError as error:
            return _shown(pages, request, account, error=error)
        return sent_to(with_note("/people", "deleted"))

    return [show_account, change_account, change_standing, set_password, sign_out, delete_account]


def _changed(
    pages: Pages, request: Request[Visitor, Any, Any], after: Account, form: Form, *, typed: Typed | None = None
) -> Response[Any]:
    by: Actor = request.user.actor
    try:
        _keep_an_administrator(pages, after.key, after, form)
        pages.services.accounts.change_account(
            after, expected=form.whole("version"), by=by, why=reason(form.text("why"))
        )
    except PennonError as error:
        return _shown(pages, request, after.key, typed=typed, error=error)
    return sent_to(with_note(page_path("people", "accounts", after.key), "changed"))


def _keep_an_administrator(pages: Pages, key: str, after: Account | None, form: Form) -> None:
    with pages.services.log.reading() as reading:
        known, before = roles(reading), accounts(reading)
    others = [each for each in before if each.key != key]
    left = others if after is None else [*others, after]
    require_somebody(administrators(before, known), administrators(left, known), form)


def _known(pages: Pages, key: str) -> Account:
    with pages.services.log.reading() as reading:
        return find_account(reading, key)


def _new(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    typed: Typed,
    *,
    first: str = "",
    error: PennonError | None = None,
) -> Response[Any]:
    if not first:
        first = "none" if pages.services.sign_ins.takes_emergencies_only else "made"
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        known = [role.key for role in roles(reading)]
    return pages.answer(
        request,
        "people_new.html",
        status=status_for(error),
        frame=frame,
        typed=typed,
        first=first,
        roles=known,
        **told(error),
    )


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    key: str,
    *,
    typed: Typed | None = None,
    error: PennonError | None = None,
    secret: str = "",
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        account = find_account(reading, key)
        known = {role.key: role for role in roles(reading)}

    def held(grants: Iterable[Grant]) -> list[Any]:
        return [(grant, known[grant.role]) for grant in grants if grant.role in known]

    return pages.answer(
        request,
        "people_account.html",
        status=status_for(error),
        frame=frame,
        account=account,
        typed=typed or Typed.of(account),
        roles=list(known),
        held=held(account.grants),
        given=held(account.provider_grants),
        sessions=pages.services.sign_ins.sessions(key),
        used=_last_used(pages, [key]).get(key),
        secret=secret,
        is_own=key == request.user.account.key,
        is_last=isinstance(error, LastAdministrator),
        permissions=PERMISSIONS,
        place_text=place_text,
        **told(error),
    )


def _last_used(pages: Pages, keys: list[str]) -> dict[str, Any]:
    found = pages.services.last_used(map(account_stamp, keys))
    return {key: found[account_stamp(key)] for key in keys if account_stamp(key) in found}
