"""Finds accounts by what people type, and by the roles that they hold: ten thousand are not read for it each time."""

import msgspec

from pennon.control.access.people import Account
from pennon.control.index import Index
from pennon.control.log import INSTALLATION, Reading


class FoundAccounts(msgspec.Struct, frozen=True):
    """A page of accounts. `total` counts all that were found; `next` is from where to go on, None: there is no more."""

    accounts: tuple[Account, ...]
    total: int
    next: str | None


class _Known(msgspec.Struct, frozen=True, gc=False):
    """What an account is found by. `words` are its key, name and e-mail in lower case."""

    key: str
    words: tuple[str, str, str]
    roles: frozenset[str]


class AccountFinder:
    """Knows of each account what it is found by."""

    def __init__(self) -> None:
        self._index = Index("account", _known)

    def accounts(self, reading: Reading, search: str, *, after: str | None = None, limit: int) -> FoundAccounts:
        """Return accounts with *search* in key, name or e-mail, whatever the case, from behind the key *after*.

        They come in the order of their keys.
        """
        if not search:
            return _all(reading, after, limit)
        asked, entries = search.lower(), self._index.entries(reading, INSTALLATION)
        found = [each.key for each in entries if any(asked in word for word in each.words)]
        rest = [key for key in found if after is None or key > after]
        shown = reading.items_named(INSTALLATION, "account", rest[:limit])
        following = rest[limit - 1] if len(rest) > limit else None
        return FoundAccounts(tuple(each.read(Account) for each in shown), len(found), following)

    def holders(self, reading: Reading, role: str) -> list[str]:
        """Return the keys of the accounts that hold *role* anywhere, in order."""
        return [each.key for each in self._index.entries(reading, INSTALLATION) if role in each.roles]


def _all(reading: Reading, after: str | None, limit: int) -> FoundAccounts:
    found = reading.items(INSTALLATION, "account", after=after, limit=limit + 1)
    following = found[limit - 1].key if len(found) > limit else None
    total = reading.count(INSTALLATION, "account")
    return FoundAccounts(tuple(each.read(Account) for each in found[:limit]), total, following)


def _known(text: bytes) -> _Known:
    account = msgspec.json.decode(text, type=Account)
    words = (account.key.lower(), account.name.lower(), account.email.lower())
    return _Known(account.key, words, frozenset(grant.role for grant in account.holds))
