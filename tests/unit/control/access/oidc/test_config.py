import msgspec
import pytest

from pennon.control.access.oidc.config import GroupGrant, group_grant, provider_config
from pennon.control.access.permissions import Grant
from pennon.control.config import Settings

WHOLE = Settings(
    oidc_issuer="https://id.shop.example", oidc_client_id="pennon", public_url="https://flags.shop.example/"
)


def test_settings_without_a_provider_name_none() -> None:
    assert provider_config(Settings()) is None


def test_the_provider_sends_people_back_below_the_public_url() -> None:
    config = provider_config(WHOLE)
    assert config is not None
    assert config.redirect_uri == "https://flags.shop.example/api/v1/sign-in/oidc/callback"
    assert not config.takes_plain_http


def test_the_secret_is_not_shown() -> None:
    config = provider_config(msgspec.structs.replace(WHOLE, oidc_client_secret="hidden"))
    assert config is not None
    assert "hidden" not in repr(config)
    assert "hidden" not in repr(msgspec.structs.replace(WHOLE, oidc_client_secret="hidden"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"oidc_client_id": None}, "set oidc_client_id too"),
        ({"public_url": None}, "set public_url too"),
        ({"oidc_issuer": "http://id.shop.example"}, "write https://"),
        ({"oidc_scopes": ("email",)}, "oidc_scopes"),
        ({"oidc_grants": ("admins",)}, "oidc_grants: 'admins'"),
        ({"oidc_issuer": None}, "set oidc_issuer too"),
        ({"oidc_issuer": None, "oidc_client_id": None, "oidc_only": True}, "oidc_only"),
    ],
)
def test_settings_that_let_nobody_in_or_everybody_are_refused(changed: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        provider_config(msgspec.structs.replace(WHOLE, **changed))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_provider_on_this_machine_may_speak_plain_http(host: str) -> None:
    config = provider_config(msgspec.structs.replace(WHOLE, oidc_issuer=f"http://{host}:8080/realms/shop"))
    assert config is not None
    assert config.takes_plain_http


@pytest.mark.parametrize(
    ("text", "grant"),
    [
        ("*=reader", GroupGrant("*", Grant(role="reader"))),
        ("web=developer@shop", GroupGrant("web", Grant(role="developer", project="shop"))),
        ("a=b team=x@shop/eu", GroupGrant("a=b team", Grant(role="x", project="shop", environments=("eu",)))),
    ],
)
def test_a_group_gives_a_role_somewhere(text: str, grant: GroupGrant) -> None:
    assert group_grant(text) == grant


@pytest.mark.parametrize("text", ["", "=reader", "web=", "web=developer@", "web=developer@shop/", "web=a@b/c/d"])
def test_what_gives_no_role_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as in"):
        group_grant(text)
