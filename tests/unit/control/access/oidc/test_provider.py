"""What a provider may say and what not: the far end of the wire is made by hand, to say what no real one would."""

import base64
import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from msgspec.structs import replace

from pennon.control.access.oidc import wire
from pennon.control.access.oidc.config import ProviderConfig
from pennon.control.access.oidc.pending import Pending
from pennon.control.access.oidc.provider import AT_ONCE, KEPT, LEEWAY_S, MOST_KEYS, Provider
from pennon.control.errors import PennonError, ProviderFailed, SignInUnfinished
from tests.clock import HandClock

CLIENT, SECRET = "pennon", "a secret that only the client and the provider know"
KEY, OTHER = (RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}) for _ in range(2))


class FarEnd(http.server.ThreadingHTTPServer):
    """A provider that says what `documents` has at a path. A question that no test prepared is a 404, and kept."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FarEnd

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        said = self.server.documents.get(self.path)
        status, body = (
            (404, b"") if said is None else (200, said if isinstance(said, bytes) else msgspec.json.encode(said))
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def pending(clock: HandClock) -> Pending:
    return Pending.new("/", now=int(clock.now().timestamp()))


@pytest.fixture
def provider(far_end: FarEnd, clock: HandClock) -> Provider:
    far_end.documents |= {
        "/.well-known/openid-configuration": {
            "issuer": far_end.url,
            "authorization_endpoint": f"{far_end.url}/auth",
            "token_endpoint": f"{far_end.url}/token",
            "jwks_uri": f"{far_end.url}/keys",
        },
        "/keys": {"keys": [KEY.as_dict(private=False)]},
    }
    return Provider(config(far_end), clock)


def config(far_end: FarEnd) -> ProviderConfig:
    return ProviderConfig(
        issuer=far_end.url,
        client_id=CLIENT,
        client_secret=SECRET,
        name="Shop",
        redirect_uri="http://127.0.0.1/back",
        scopes=("openid",),
        account_claim="sub",
        email_domains=frozenset(),
        groups_claim="groups",
        grants=(),
    )


def good(far_end: FarEnd, clock: HandClock, pending: Pending) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    return {"iss": far_end.url, "sub": "1", "aud": CLIENT, "exp": now + 60, "iat": now, "nonce": pending.nonce}


def answer(far_end: FarEnd, claims: dict[str, Any], key: Any = KEY, **header: str) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "1", **header}, claims, key, algorithms=["RS256", "HS256", "none"])
    far_end.documents["/token"] = {"access_token": "a", "token_type": "Bearer", "id_token": token}


def refused(provider: Provider, pending: Pending) -> PennonError:
    with pytest.raises(PennonError) as error:
        provider.claims("code", pending)
    return error.value


def test_a_good_token_is_believed(provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending) -> None:
    answer(far_end, good(far_end, clock, pending))
    assert provider.claims("code", pending)["sub"] == "1"


Forgery = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    "forge",
    [
        lambda it: {**it, "iss": "https://evil.example"},
        lambda it: {**it, "aud": "another"},
        lambda it: {**it, "aud": ["another"]},
        lambda it: {**it, "aud": [CLIENT, "another"]},
        lambda it: {**it, "aud": [CLIENT, "another"], "azp": "another"},
        lambda it: {**it, "nonce": "another"},
        lambda it: {**it, "sub": ""},
        lambda it: {**it, "sub": 7},
        lambda it: {**it, "at_hash": "of another token"},
        lambda it: {**it, "exp": "never"},
        lambda it: {**it, "exp": [1]},
        lambda it: {**it, "iat": "now"},
        *(
            lambda it, claim=claim: {name: it[name] for name in it if name != claim}
            for claim in ("iss", "sub", "aud", "exp", "iat", "nonce")
        ),
    ],
)
def test_a_token_that_says_anything_else_is_not_believed(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending, forge: Forgery
) -> None:
    answer(far_end, forge(good(far_end, clock, pending)))
    assert "not to be trusted" in str(refused(provider, pending))


def test_a_token_that_another_signed_is_not_believed(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    claims = good(far_end, clock, pending)
    answer(far_end, claims, OTHER)
    assert "not to be trusted" in str(refused(provider, pending))
    answer(far_end, claims, OctKey.import_key(SECRET), alg="HS256")
    assert "not to be trusted" in str(refused(provider, pending))
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    payload = base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip("=")
    far_end.documents["/token"]["id_token"] = f"{header}.{payload}."
    assert "not to be trusted" in str(refused(provider, pending))
    answer(far_end, claims, kid="2")
    assert "not to be trusted" in str(refused(provider, pending))
    far_end.documents["/token"]["id_token"] = "no token"
    assert "not to be trusted" in str(refused(provider, pending))


def test_clocks_may_differ_by_two_minutes(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    claims = good(far_end, clock, pending)
    for off in (LEEWAY_S - 1, 1 - LEEWAY_S):
        answer(far_end, {**claims, "iat": claims["iat"] + off, "exp": claims["iat"] + off + 1})
        assert provider.claims("code", pending)
    for off in (LEEWAY_S + 1, -LEEWAY_S - 1):
        answer(far_end, {**claims, "iat": claims["iat"] + off, "exp": claims["iat"] + off})
        assert "clock" in str(refused(provider, pending))


def test_what_the_provider_says_of_itself_is_kept_for_an_hour(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    for _ in range(2):
        answer(far_end, good(far_end, clock, pending))
        provider.claims("code", pending)
    assert far_end.asked.count("/.well-known/openid-configuration") == 1
    assert far_end.asked.count("/keys") == 1
    clock.move(KEPT)
    answer(far_end, good(far_end, clock, pending))
    provider.claims("code", pending)
    assert far_end.asked.count("/.well-known/openid-configuration") == 2
    assert far_end.asked.count("/keys") == 2


def test_new_keys_are_asked_for_once_a_sign_in(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    answer(far_end, good(far_end, clock, pending))
    provider.claims("code", pending)
    new = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    far_end.documents["/keys"] = {"keys": [KEY.as_dict(private=False), new.as_dict(private=False), {"kty": "PQ"}]}
    answer(far_end, good(far_end, clock, pending), new, kid="2")
    assert provider.claims("code", pending)["sub"] == "1"
    assert far_end.asked.count("/keys") == 2


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [OctKey.import_key(SECRET).as_dict(private=True)],
        [{"kty": "PQ"}] * (MOST_KEYS + 1),
        [{"kty": "RSA", "n": 7, "e": None}],
        [{"kty": "RSA"}],
    ],
)
def test_a_provider_without_keys_is_not_believed(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending, keys: list[dict[str, Any]]
) -> None:
    far_end.documents["/keys"] = {"keys": keys}
    answer(far_end, good(far_end, clock, pending))
    assert isinstance(refused(provider, pending), ProviderFailed)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"<html>", "something else than was asked"),
        (b"[]", "something else than was asked"),
        (b"\xff", "something else than was asked"),
        (
            {"issuer": "https://evil.example", "authorization_endpoint": "", "token_endpoint": "", "jwks_uri": ""},
            "calls itself",
        ),
        (b" " * (wire.LONGEST_ANSWER + 1), "cannot be reached"),
        (None, "something else than was asked"),
    ],
)
def test_who_is_not_the_provider_is_not_asked_any_further(
    provider: Provider, far_end: FarEnd, pending: Pending, said: Any, told: str
) -> None:
    far_end.documents["/.well-known/openid-configuration"] = said
    with pytest.raises(ProviderFailed, match=told):
        provider.authorization_url(pending)
    assert far_end.asked == ["/.well-known/openid-configuration"]


def test_a_provider_elsewhere_names_nothing_that_others_can_read(
    far_end: FarEnd, pending: Pending, clock: HandClock
) -> None:
    class Elsewhere(ProviderConfig, frozen=True):
        takes_plain_http = False

    names = (
        "client_secret",
        "name",
        "scopes",
        "account_claim",
        "email_domains",
        "groups_claim",
        "grants",
        "redirect_uri",
    )
    known = config(far_end)
    elsewhere = Elsewhere(issuer=known.issuer, client_id=CLIENT, **{name: getattr(known, name) for name in names})
    far_end.documents["/.well-known/openid-configuration"] = {
        "issuer": far_end.url,
        "authorization_endpoint": "https://id.shop.example/auth",
        "token_endpoint": f"{far_end.url}/token",
        "jwks_uri": "https://id.shop.example/keys",
    }
    with pytest.raises(ProviderFailed, match="everything of it has to be https"):
        Provider(elsewhere, clock).authorization_url(pending)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        ("invalid_grant", SignInUnfinished, "was used"),
        ("invalid_client", ProviderFailed, "oidc_client_secret"),
        ("<script>", ProviderFailed, "does not know this server"),
    ],
)
def test_what_the_provider_refuses_is_told_in_our_words(
    provider: Provider, far_end: FarEnd, pending: Pending, error: str, kind: type[PennonError], told: str
) -> None:
    far_end.documents["/token"] = {"error": error, "error_description": "<b>\x1b[31m"}
    found = refused(provider, pending)
    assert type(found) is kind
    assert told in str(found)
    assert "<" not in str(found)


def test_user_info_of_somebody_else_is_refused(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    far_end.documents["/.well-known/openid-configuration"]["userinfo_endpoint"] = f"{far_end.url}/me"
    answer(far_end, good(far_end, clock, pending))
    far_end.documents["/me"] = {"sub": "1", "email": "anne@shop.example", "iss": "https://evil.example"}
    assert provider.claims("code", pending)["email"] == "anne@shop.example"
    assert provider.claims("code", pending)["iss"] == far_end.url
    far_end.documents["/me"] = {"sub": "2", "email": "anne@shop.example"}
    assert "somebody else" in str(refused(provider, pending))


@pytest.mark.parametrize("odd", [{"at_hash": 7}, {"azp": 7}, {"amr": 7}])
def test_what_the_libraries_stumble_over_lets_nobody_in(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending, odd: dict[str, object]
) -> None:
    answer(far_end, {**good(far_end, clock, pending), **odd})
    assert isinstance(refused(provider, pending), ProviderFailed)


@pytest.mark.parametrize("said", [[], 7, {"id_token": 7}, {"id_token": {}}, {"error": 7}, {"access_token": 7}])
def test_an_answer_of_another_shape_lets_nobody_in(
    provider: Provider, far_end: FarEnd, pending: Pending, said: object
) -> None:
    far_end.documents["/token"] = said
    assert isinstance(refused(provider, pending), ProviderFailed)


def test_no_more_than_a_few_wait_for_the_provider(
    provider: Provider, pending: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pennon.control.access.oidc.provider.PATIENCE_S", 0.0)
    provider.authorization_url(pending)
    held = [provider._waiting.acquire(blocking=False) for _ in range(AT_ONCE)]  # as threads that wait would
    assert all(held)
    with pytest.raises(ProviderFailed, match="too many wait"):
        provider.authorization_url(pending)
    provider._waiting.release(AT_ONCE)
    assert provider.authorization_url(pending)


def test_the_browser_is_sent_with_everything_that_ties_the_answer_to_it(
    provider: Provider, far_end: FarEnd, pending: Pending
) -> None:
    url = provider.authorization_url(pending)
    assert url.startswith(f"{far_end.url}/auth?")
    for part in (
        f"state={pending.state}",
        f"nonce={pending.nonce}",
        "code_challenge_method=S256",
        "response_type=code",
    ):
        assert part in url
    assert pending.verifier not in url
    assert SECRET not in url


def test_who_has_no_secret_is_a_public_client(far_end: FarEnd, clock: HandClock, provider: Provider) -> None:
    public = Provider(replace(config(far_end), client_secret=None), clock)
    pending = Pending.new("/", now=int(clock.now().timestamp()))
    answer(far_end, good(far_end, clock, pending))
    assert public.claims("code", pending)["sub"] == "1"


def test_a_clock_that_is_put_back_keeps_nothing_for_ever(
    provider: Provider, far_end: FarEnd, clock: HandClock, pending: Pending
) -> None:
    provider.authorization_url(pending)
    clock.move(-timedelta(days=365))
    provider.authorization_url(pending)
    assert len(far_end.asked) == 2


def test_all_that_is_asked_in_one_sign_in_has_so_long(
    provider: Provider, far_end: FarEnd, pending: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.authorization_url(pending)
    monkeypatch.setattr(wire, "WHOLE_S", -1)
    assert "does not answer in time" in str(refused(provider, pending))
    assert far_end.asked == ["/.well-known/openid-configuration"]
