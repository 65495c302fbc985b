"""From what a provider says of a person to who that is here. Pure."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pennon.control.access.accounts import LONGEST_EMAIL, LONGEST_SUBJECT
from pennon.control.access.oidc.config import EVERYBODY, ProviderConfig
from pennon.control.access.people import Identity
from pennon.control.access.permissions import Grant
from pennon.control.errors import SignInRefused
from pennon.control.naming import LONGEST_NAME

_UNFIT = re.compile(r"[^a-z0-9._-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_KEY = 64
_DIGITS = 8
_NOBODY = "person"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came by the provider. `wish` is what his account is to be called, if nobody is called so yet."""

    identity: Identity
    wish: str
    name: str
    email: str
    grants: tuple[Grant, ...]

    def key(self, is_taken: Callable[[str], bool]) -> str:
        """Return what a new account of his is called: never what another one is."""
        if not is_taken(self.wish):
            return self.wish
        text = f"{self.identity.issuer}\0{self.identity.subject}"
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        longer = (
            f"{self.wish[: _LONGEST_KEY - digits - 1]}-{digest[:digits]}"
            for digits in range(_DIGITS, 4 * _DIGITS + 1, _DIGITS)
        )
        if (free := next((key for key in longer if not is_taken(key)), None)) is None:
            raise SignInRefused("every name for the account is taken", mend="ask an administrator to make you one")
        return free


def person_of(claims: Mapping[str, Any], config: ProviderConfig) -> Person:
    """Return who *claims* are about; they must have been verified. Raises `SignInRefused` for whom nobody lets in."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or _CONTROL.search(subject):
        raise SignInRefused("the provider does not say who you are", mend="tell an administrator: it sends no good sub")
    email = _text(claims.get("email"), LONGEST_EMAIL)
    email = email if "@" in email[1:-1] else ""
    if config.email_domains:
        _require_domain(email, claims.get("email_verified"), config.email_domains)
    groups = _groups(claims.get(config.groups_claim)) | {EVERYBODY}
    return Person(
        identity=Identity(config.issuer, subject),
        wish=_key(claims.get(config.account_claim)) or _key(subject) or _NOBODY,
        name=_text(claims.get("name") or claims.get("preferred_username"), LONGEST_NAME),
        email=email,
        grants=tuple(dict.fromkeys(each.grant for each in config.grants if each.group in groups)),
    )


def _require_domain(email: str, verified: object, domains: frozenset[str]) -> None:
    """Raise unless the address is of one of the domains. One that nobody verified anybody can claim."""
    if email.rpartition("@")[2].lower() not in domains:
        allowed = ", ".join(sorted(domains))
        raise SignInRefused(
            f"{email or 'a person without an e-mail address'} is not let in here", mend=f"use one of {allowed}"
        )
    if verified is not True:
        raise SignInRefused(
            f"the provider has not verified that {email} is yours",
            mend="have it verified, or ask an administrator to leave oidc_email_domains out",
        )


def _key(value: object) -> str:
    """Return *value* as the key of an account: as near as may be, empty if nothing is left of it."""
    text = str(value).lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return _UNFIT.sub("-", text).lstrip("._-")[:_LONGEST_KEY].rstrip("-")


def _text(value: object, longest: int) -> str:
    return _CONTROL.sub(" ", value).strip()[:longest] if isinstance(value, str) else ""


def _groups(value: object) -> set[str]:
    if isinstance(value, str):  # some providers send a lone one so
        return {value} - {EVERYBODY}
    return {each for each in value if isinstance(each, str)} - {EVERYBODY} if isinstance(value, list) else set()
