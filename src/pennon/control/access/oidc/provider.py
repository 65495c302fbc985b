"""What is asked of the provider: where its doors are, by which keys it signs, and who came with a code."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from pennon.control.access.oidc.config import ProviderConfig
from pennon.control.access.oidc.pending import Pending
from pennon.control.access.oidc.wire import Wire
from pennon.control.clock import Clock
from pennon.control.errors import ProviderFailed, SignInUnfinished

KEPT = timedelta(hours=1)
"""How long what the provider says of itself is believed. Keys that are not known are asked for at once."""
LEEWAY_S = 120
"""By how much the provider's clock may differ from ours."""
MOST_KEYS = 100
AT_ONCE = 3
"""How many may wait for the provider: a part of what reads at once, so that a provider that hangs holds up little."""
PATIENCE_S = 1.0
"""How long others wait for those."""
_FAULTS = (httpx2.HTTPError, httpx2.InvalidURL, AuthlibBaseError, JoseError, ValueError)
_MISREAD = (TypeError, LookupError, AttributeError)
"""What the libraries raise of answers with a number where they expect text, or with something missing."""
_SIGNATURES = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Those by a key that only the provider has: HS256 would be by our own secret, and `none` by nothing."""

logger = structlog.get_logger(__name__)
T = TypeVar("T")


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3), as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class _Kept(msgspec.Struct, frozen=True):
    value: Any
    until: datetime


class Provider:
    """One OpenID Connect provider. Few threads wait for it: when it hangs, everything else goes on."""

    def __init__(self, config: ProviderConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._waiting = threading.BoundedSemaphore(AT_ONCE)

    def authorization_url(self, pending: Pending) -> str:
        """Return where the browser is to go. Raises `ProviderFailed`."""
        with self._wire() as wire:
            found = self._discovered(wire)
            url, _ = wire.create_authorization_url(
                found.authorization_endpoint,
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(url)

    def claims(self, code: str, pending: Pending) -> Mapping[str, Any]:
        """Return what the provider says of who came with *code*, verified.

        Raises `ProviderFailed`, and `SignInUnfinished` for a code that is worth nothing (any more).
        """
        with self._wire() as wire:
            found = self._discovered(wire)
            wire.token_endpoint_auth_method = self._auth_method(found)
            token = wire.fetch_token(
                found.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=pending.verifier,
                redirect_uri=self._config.redirect_uri,
            )
            claims = self._verified(wire, found, token, pending.nonce)
            if found.userinfo_endpoint and not self._config.wanted <= claims.keys():
                more = wire.read(found.userinfo_endpoint, token=str(token.get("access_token")))
                return _together(claims, _decoded(more, dict[str, Any]))
            return claims

    def _auth_method(self, found: Discovered) -> str:
        if self._config.client_secret is None:
            return "none"
        known = found.token_endpoint_auth_methods_supported
        return "client_secret_post" if "client_secret_basic" not in known else "client_secret_basic"

    def _discovered(self, wire: Wire) -> Discovered:
        url = self._config.issuer.rstrip("/") + "/.well-known/openid-configuration"
        return self._known(url, lambda: self._checked(_decoded(wire.read(url), Discovered)))

    def _checked(self, found: Discovered) -> Discovered:
        if found.issuer != self._config.issuer:
            raise ProviderFailed(
                f"the identity provider calls itself {found.issuer!r}, and not {self._config.issuer!r}",
                mend="set oidc_issuer to the former, to the letter, if it is the right one",
            )
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint):
            if url and urlsplit(url).scheme != "https" and not self._config.takes_plain_http:
                raise ProviderFailed(f"the identity provider names {url!r}", mend="everything of it has to be https")
        return found

    def _verified(self, wire: Wire, found: Discovered, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise ProviderFailed("the identity provider sends no ID token", mend="is openid among oidc_scopes?")
        algorithms = sorted(_SIGNATURES.intersection(found.id_token_signing_alg_values_supported))
        try:
            decoded = jwt.decode(text, self._keys(wire, found.jwks_uri), algorithms=algorithms)
        except (InvalidKeyIdError, BadSignatureError):  # its keys may be new ones
            decoded = jwt.decode(text, self._keys(wire, found.jwks_uri, anew=True), algorithms=algorithms)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": self._config.issuer},
                "sub": {"essential": True},
                "aud": {"essential": True, "value": self._config.client_id},
            },
            params={
                "nonce": nonce,
                "client_id": self._config.client_id,
                "access_token": token.get("access_token"),
            },
        )
        now = int(self._clock.now().timestamp())
        if isinstance(issued := claims.get("iat"), int) and issued > now + LEEWAY_S:
            raise _clocks_apart()
        claims.validate(now=now, leeway=LEEWAY_S)
        return dict(claims)

    def _keys(self, wire: Wire, url: str, *, anew: bool = False) -> KeySet:
        if anew:
            self._kept.pop(url, None)
        return self._known(url, lambda: _key_set(_decoded(wire.read(url), _Keys)))

    def _known(self, url: str, find: Callable[[], T]) -> T:
        now = self._clock.now()
        kept = self._kept.get(url)
        if kept is None or not kept.until - KEPT <= now < kept.until:
            kept = self._kept[url] = _Kept(find(), now + KEPT)
        value: T = kept.value
        return value

    @contextmanager
    def _wire(self) -> Iterator[Wire]:
        """Open the way to the provider. Whatever goes wrong on it is said in the words of this package."""
        if not self._waiting.acquire(timeout=PATIENCE_S):
            raise ProviderFailed("too many wait for the identity provider already", mend="try again in a moment")
        try:
            with Wire(
                client_id=self._config.client_id,
                client_secret=self._config.client_secret,
                redirect_uri=self._config.redirect_uri,
                scope=" ".join(self._config.scopes),
            ) as wire:
                yield wire
        except (*_FAULTS, *_MISREAD) as error:
            logger.warning("the identity provider failed", issuer=self._config.issuer, error=repr(error))
            raise _told(error) from error
        finally:
            self._waiting.release()


def _told(error: Exception) -> Exception:
    """Return what went wrong on the way to the provider as a person has to know it. Whatever it says stays outside."""
    if isinstance(error, AuthlibBaseError):
        if error.error == "invalid_grant":
            return SignInUnfinished("the provider takes this sign-in no more, or it was used", mend="begin again")
        return ProviderFailed(
            "the identity provider does not know this server", mend="check oidc_client_id and oidc_client_secret"
        )
    if isinstance(error, httpx2.TimeoutException):
        return ProviderFailed("the identity provider does not answer in time", mend="try again")
    if isinstance(error, httpx2.TransportError):
        return ProviderFailed("the identity provider cannot be reached", mend="try again, or check oidc_issuer")
    if isinstance(error, ExpiredTokenError):
        return _clocks_apart()
    if isinstance(error, JoseError):
        return ProviderFailed("the identity provider's ID token is not to be trusted", mend="begin again")
    return ProviderFailed("the identity provider answers something else than was asked", mend="check oidc_issuer")


def _clocks_apart() -> ProviderFailed:
    return ProviderFailed(
        f"the identity provider's clock and this server's are over {LEEWAY_S // 60} minutes apart",
        mend="set the clocks",
    )


def _decoded(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body, type=kind)  # its errors are ValueErrors


def _together(claims: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims of an ID token, and those that the user info endpoint has beside them (Core, section 5.3.2)."""
    if more.get("sub") != claims["sub"]:
        raise ProviderFailed("the identity provider answers for somebody else", mend="begin again")
    return {**more, **claims}


def _key_set(found: _Keys) -> KeySet:
    """Return the keys to verify by. A symmetric one proves nothing, whoever lists it."""
    keys = [key for key in found.keys[:MOST_KEYS] if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]
    return KeySet.import_key_set({"keys": keys})
