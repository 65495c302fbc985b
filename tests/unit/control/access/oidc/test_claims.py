from typing import Any

import pytest
from msgspec.structs import replace

from pennon.control.access.oidc.claims import Person, person_of
from pennon.control.access.oidc.config import ProviderConfig, group_grant
from pennon.control.access.people import Identity
from pennon.control.access.permissions import Grant
from pennon.control.errors import SignInRefused
from pennon.control.naming import key_problems

CONFIG = ProviderConfig(
    issuer="https://id.shop.example",
    client_id="pennon",
    client_secret=None,
    name="Shop",
    redirect_uri="",
    scopes=("openid",),
    account_claim="sub",
    email_domains=frozenset(),
    groups_claim="groups",
    grants=tuple(map(group_grant, ("*=reader", "web=developer@shop", "ops=administrator"))),
)
ANNE = {"sub": "248289761001", "email": "anne@shop.example", "email_verified": True, "name": "Anne"}


def person(config: ProviderConfig = CONFIG, **claims: Any) -> Person:
    return person_of({**ANNE, **claims}, config)


def test_who_somebody_is_is_the_issuer_and_the_subject() -> None:
    anne = person()
    assert anne.identity == Identity("https://id.shop.example", "248289761001")
    assert (anne.name, anne.email, anne.wish) == ("Anne", "anne@shop.example", "248289761001")
    assert person(email="ben@shop.example").identity == anne.identity


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, "a\nb"])
def test_nobody_comes_in_without_a_subject(subject: object) -> None:
    with pytest.raises(SignInRefused, match="does not say who you are"):
        person(sub=subject)


@pytest.mark.parametrize(
    ("claim", "key"),
    [
        ("Anne", "anne"),
        ("anne@shop.example", "anne-shop.example"),
        ("auth0|5f7c", "auth0-5f7c"),
        ("_.-Anne Müller", "anne-m-ller"),
        ("x" * 99, "x" * 64),
        ("北京", "248289761001"),
        (None, "248289761001"),
        (["anne"], "248289761001"),
    ],
)
def test_the_key_of_an_account_is_made_from_a_claim(claim: object, key: str) -> None:
    anne = person(replace(CONFIG, account_claim="preferred_username"), preferred_username=claim)
    assert anne.wish == key
    assert not list(key_problems(anne.wish))


def test_a_subject_of_which_nothing_is_left_still_has_a_key() -> None:
    assert person(sub="北京").wish == "person"


def test_a_key_that_is_taken_is_made_another_by_issuer_and_subject() -> None:
    anne = person(sub="x" * 64)
    other = anne.key({anne.wish}.__contains__)
    assert other == anne.key({anne.wish}.__contains__)
    assert other != anne.wish
    longer = anne.key({anne.wish, other}.__contains__)
    assert longer not in (anne.wish, other)
    assert not list(key_problems(other)) + list(key_problems(longer))
    with pytest.raises(SignInRefused, match="is taken"):
        anne.key(lambda _: True)


@pytest.mark.parametrize(
    ("groups", "grants"),
    [
        (["web"], [Grant(role="reader"), Grant(role="developer", project="shop")]),
        ("ops", [Grant(role="reader"), Grant(role="administrator")]),
        (["other", 7, None], [Grant(role="reader")]),
        (None, [Grant(role="reader")]),
        ({"ops": True}, [Grant(role="reader")]),
    ],
)
def test_groups_give_roles(groups: object, grants: list[Grant]) -> None:
    assert list(person(groups=groups).grants) == grants


def test_no_group_is_called_everybody() -> None:
    assert person(replace(CONFIG, grants=()), groups=["*"]).grants == ()


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "anne@evil.example"}, "not let in"),
        ({"email": "anne@shop.example.evil.example"}, "not let in"),
        ({"email": "anne@evil.example@shop"}, "not let in"),
        ({"email": None}, "without an e-mail address"),
        ({"email_verified": False}, "not verified"),
        ({"email_verified": None}, "not verified"),
        ({"email_verified": "true"}, "not verified"),
    ],
)
def test_only_verified_addresses_of_the_domains_are_let_in(claims: dict[str, object], said: str) -> None:
    some = replace(CONFIG, email_domains=frozenset({"shop.example"}))
    assert person(some, email="Anne@SHOP.example").email == "Anne@SHOP.example"
    with pytest.raises(SignInRefused, match=said):
        person(some, **claims)


def test_what_the_provider_calls_somebody_is_one_line() -> None:
    anne = person(name="Anne\x1b[31m\nadmin" + "x" * 300, email="no address")
    assert anne.name.startswith("Anne [31m admin")
    assert len(anne.name) == 200
    assert anne.email == ""
