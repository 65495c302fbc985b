"""Accounts over HTTP: who people are, and which roles they hold where."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.access.people import Account, Identity, account_stamp
from pennon.control.access.permissions import Grant
from pennon.control.access.views import account as find_account
from pennon.control.api.answers import ListOf, changed_answer, done_answer, item_answer, list_answer
from pennon.control.api.inputs import Command, Expected, Key, Paging
from pennon.control.api.resources import READ_ONLY, Resource, require_same_key
from pennon.control.api.routes import creates, deletes, reads, replaces
from pennon.control.log import Stored
from pennon.control.services import Services

_ONE = "/accounts/{account:str}"
_EXAMPLE = {"name": "Anne", "email": "anne@shop.example", "grants": [{"role": "developer", "project": "shop"}]}


class AccountResource(Resource, frozen=True, kw_only=True):
    """A person who runs Pennon, and which roles he holds where."""

    name: Annotated[str, Meta(max_length=200, description="What people call him.")] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    grants: Annotated[tuple[Grant, ...], Meta(max_length=100, description="Roles, and where he holds them.")] = ()
    disabled: Annotated[bool, Meta(description="Whether he is kept out.")] = False
    emergency: Annotated[
        bool, Meta(description="Whether his password is good also where others have to come by the identity provider.")
    ] = False
    identity: Annotated[
        Identity | None, Meta(description="Whom the identity provider knows as him; null: nobody so far.")
    ] = None
    provider_grants: Annotated[
        tuple[Grant, ...],
        Meta(description="Roles that the provider's groups gave when he came last.", extra_json_schema=READ_ONLY),
    ] = ()
    emergency_used_at: Annotated[
        int | None,
        Meta(description="When the emergency account was used last, epoch seconds.", extra_json_schema=READ_ONLY),
    ] = None
    last_used: Annotated[
        datetime | None,
        Meta(description="When he was here last, to the minute; null for never.", extra_json_schema=READ_ONLY),
    ] = None


class NewAccount(AccountResource, frozen=True, kw_only=True):
    """An account to create. It has no password yet."""

    key: str


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new password."""

    password: Annotated[str, Meta(max_length=1024)]


class DoneResource(msgspec.Struct, frozen=True):
    """That it is done."""

    done: bool = True


def show_account(account: Account, last_used: datetime | None = None) -> bytes:
    """Return an account as it is shown."""
    held = {name: getattr(account, name) for name in AccountResource.__struct_fields__ if name != "last_used"}
    return msgspec.json.encode(AccountResource(**held, last_used=last_used))


def account_routes(services: Services) -> list[Any]:
    """Return the routes."""

    def last_used(keys: Iterable[str]) -> dict[str, datetime]:
        found = services.last_used(map(account_stamp, keys))
        return {key: found[account_stamp(key)] for key in keys if account_stamp(key) in found}

    def show(account: Account) -> bytes:
        return show_account(account, last_used([account.key]).get(account.key))

    def show_stored(stored: Stored) -> bytes:
        return show(stored.read(Account))

    @reads("/accounts", ListOf[AccountResource], permission="access.manage")
    def list_accounts(paging: Paging) -> Response[Any]:
        """List accounts, disabled ones too."""
        with services.log.reading() as reading:
            page = services.account_finder.accounts(reading, "", after=paging.after, limit=paging.limit)
        times = last_used([account.key for account in page.accounts])
        return list_answer((show_account(each, times.get(each.key)) for each in page.accounts), page.next)

    @creates("/accounts", AccountResource, permission="access.manage", example={"key": "anne", **_EXAMPLE})
    def create_account(data: JSONBody[NewAccount], command: Command) -> Response[Any]:
        """Create an account, without a password."""
        outcome = services.accounts.create_account(_account(data, data.key), **command.said)
        return changed_answer(outcome, show_stored, status=201)

    @reads(_ONE, AccountResource, permission="access.manage", versioned=True)
    def read_account(request: Request[Any, Any, Any], account: Key) -> Response[Any]:
        """Show an account."""
        with services.log.reading() as reading:
            found = find_account(reading, account)
        return item_answer(request, found, show)

    @replaces(_ONE, AccountResource, permission="access.manage", example=_EXAMPLE)
    def change_account(
        account: Key, data: JSONBody[AccountResource], command: Command, expected: Expected
    ) -> Response[Any]:
        """Change what is known of an account. One that is disabled is out with its next request."""
        require_same_key(data, account)
        outcome = services.accounts.change_account(_account(data, account), expected=expected, **command.said)
        return changed_answer(outcome, show_stored)

    @deletes(_ONE, permission="access.manage")
    def delete_account(account: Key, command: Command) -> Response[Any]:
        """Delete an account. What it did stays in the log."""
        return done_answer(services.accounts.delete_account(account, **command.said))

    @replaces(
        _ONE + "/password", DoneResource, permission="access.manage", example={"password": "correct horse battery"}
    )
    def set_password(account: Key, data: JSONBody[PasswordBody]) -> Response[Any]:
        """Give an account a password, and end its sessions."""
        services.sign_ins.set_password(account, data.password)
        return Response(DoneResource())

    @deletes(_ONE + "/sessions", permission="access.manage")
    def end_account_sessions(account: Key) -> Response[Any]:
        """Sign an account out, wherever it is in."""
        services.sign_ins.sign_out_everywhere(account)
        return Response(None, status_code=204)

    return [
        list_accounts,
        create_account,
        read_account,
        change_account,
        delete_account,
        set_password,
        end_account_sessions,
    ]


def _account(sent: AccountResource, key: str) -> Account:
    """Return what was sent as an account, without what only the server sets."""
    return Account(
        key=key,
        name=sent.name,
        email=sent.email,
        grants=sent.grants,
        disabled=sent.disabled,
        emergency=sent.emergency,
        identity=sent.identity,
    )
