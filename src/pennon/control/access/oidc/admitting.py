"""The account of who comes by the provider: found by issuer and subject, made when he comes first, kept as he is."""

from collections.abc import Iterable

import structlog
from msgspec.structs import replace

from pennon.control.access import views
from pennon.control.access.accounts import MOST_GRANTS, grant_problems
from pennon.control.access.oidc.claims import Person
from pennon.control.access.people import Account
from pennon.control.access.permissions import Grant
from pennon.control.log import INSTALLATION, SYSTEM, ChangeLog, Reading

logger = structlog.get_logger(__name__)


def admitted(log: ChangeLog, person: Person) -> Account:
    """Return the account of *person*, with the name, the address and the grants that the provider gives him now.

    Two that come at once find one account. One that is disabled stays as it is. Raises `SignInRefused`, `Unavailable`.
    """
    with log.reading() as reading:
        known = views.account_of(reading, person.identity)
        if known is not None and (known.disabled or _as_told(reading, known, person) == known):
            return known
    action = "createAccount" if known is None else "changeAccount"
    with log.writing(INSTALLATION, by=SYSTEM, action=action, why="signed in by the identity provider") as writing:
        writing.open(INSTALLATION)
        known = views.account_of(writing, person.identity)
        if known is None:
            key = person.key(lambda wish: views.find_account(writing, wish) is not None)
            known = Account(key=key, identity=person.identity)
        account = known if known.disabled else _as_told(writing, known, person)
        writing.put(INSTALLATION, "account", account)
    return account


def _as_told(reading: Reading, account: Account, person: Person) -> Account:
    return replace(
        account,
        name=person.name or account.name,
        email=person.email or account.email,
        provider_grants=tuple(_possible(reading, person.grants)),
    )


def _possible(reading: Reading, grants: Iterable[Grant]) -> Iterable[Grant]:
    """Leave out what cannot be held: a setting may name a project that is gone, and people still have to get in."""
    for grant in list(grants)[:MOST_GRANTS]:
        if problems := list(grant_problems(reading, grant)):
            logger.warning("oidc_grants gives what is not there", fault=problems[0].message)
        else:
            yield grant
