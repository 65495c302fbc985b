"""Which provider people come by, and what its word is worth here: the settings, checked. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from pennon.control.access.permissions import Grant
from pennon.control.config import Settings

EVERYBODY = "*"
BEGIN_PATH = "/api/v1/sign-in/oidc"
"""Where signing in by the provider begins. Takes `next`, the path to go to then."""
CALLBACK_PATH = BEGIN_PATH + "/callback"
"""Where the provider sends people back to, below `public_url`."""
_SCOPES = ("openid", "email", "profile")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_GRANT = re.compile(r"(?P<group>.+)=(?P<role>[^=@/\s]+)(?:@(?P<project>[^=@/\s]+)(?:/(?P<environment>[^=@/\s]+))?)?")


class GroupGrant(msgspec.Struct, frozen=True):
    """A role that the members of a group hold, and where."""

    group: str
    grant: Grant


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The provider, who this server is to it, and what follows from its claims."""

    issuer: str
    client_id: str
    client_secret: str | None
    name: str
    redirect_uri: str
    scopes: tuple[str, ...]
    account_claim: str
    email_domains: frozenset[str]
    groups_claim: str
    grants: tuple[GroupGrant, ...]

    @property
    def takes_plain_http(self) -> bool:
        """Whether the provider is on this machine, where nobody listens between."""
        return urlsplit(self.issuer).hostname in _LOOPBACK

    @property
    def wanted(self) -> frozenset[str]:
        """The claims that are asked of the user info endpoint where the ID token does not have them."""
        groups = {self.groups_claim} if any(each.group != EVERYBODY for each in self.grants) else set()
        return frozenset({"email", "name", self.account_claim, *groups})

    def __repr__(self) -> str:
        return f"ProviderConfig(issuer={self.issuer!r}, client_id={self.client_id!r})"


def provider_config(settings: Settings) -> ProviderConfig | None:
    """Return the provider that *settings* name, None if they name none. Raises `ValueError`, a fault on each line."""
    if faults := list(_faults(settings)):
        raise ValueError("\n".join(faults))
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.public_url is None:
        return None
    return ProviderConfig(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        name=settings.oidc_name,
        redirect_uri=settings.public_url.rstrip("/") + CALLBACK_PATH,
        scopes=settings.oidc_scopes or _SCOPES,
        account_claim=settings.oidc_account_claim,
        email_domains=frozenset(each.lower().lstrip("@") for each in settings.oidc_email_domains),
        groups_claim=settings.oidc_groups_claim,
        grants=tuple(group_grant(each) for each in settings.oidc_grants),
    )


def group_grant(text: str) -> GroupGrant:
    """Return what `group=role@project/environment` says. Raises `ValueError`."""
    if (match := _GRANT.fullmatch(text.strip())) is None:
        raise ValueError(f"{text!r} is not allowed; write it as in web=developer@shop, or *=reader for everybody")
    environments = (match["environment"],) if match["environment"] else ()
    return GroupGrant(match["group"], Grant(role=match["role"], project=match["project"], environments=environments))


def _faults(settings: Settings) -> Iterator[str]:
    if settings.oidc_issuer is None:
        if settings.oidc_client_id is not None or settings.oidc_only:
            named = "oidc_only" if settings.oidc_only else "oidc_client_id"
            yield f"{named}: there is no provider; set oidc_issuer too"
        return
    if settings.oidc_client_id is None:
        yield "oidc_issuer: the provider has to know this server; set oidc_client_id too"
    if settings.public_url is None:
        yield "oidc_issuer: the provider sends people back to this server; set public_url too"
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme != "https" and issuer.hostname not in _LOOPBACK:
        yield "oidc_issuer: whoever listens on the way could sign in as anybody; write https://"
    if "openid" not in (settings.oidc_scopes or _SCOPES):
        yield "oidc_scopes: without openid there is no ID token; add it"
    for each in settings.oidc_grants:
        try:
            group_grant(each)
        except ValueError as error:
            yield f"oidc_grants: {error}"
