import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.access.permissions import (
    BUILT_IN,
    OF_THE_INSTALLATION,
    PERMISSIONS,
    Grant,
    Permission,
    Principal,
    Role,
    Where,
    resolved,
)
from pennon.control.errors import Forbidden
from pennon.control.log import Actor

ANNE = Actor("token", "abab", "Anne")
STAGING = Where("shop", "staging")
PRODUCTION = Where("shop", "production", is_production=True)
SUPPORT = Role(key="support", permissions=("read", "flag.turnOff"))
grants = st.builds(
    Grant,
    role=st.sampled_from([*BUILT_IN, "support"]),
    project=st.sampled_from([None, "shop", "bank"]),
    environments=st.sampled_from([(), ("staging",), ("staging", "production")]),
)
places = st.sampled_from([Where(), Where("shop"), Where("bank"), STAGING, PRODUCTION])
permissions = st.sampled_from(sorted(PERMISSIONS))


def holder(*given: Grant, scopes: frozenset[str] | None = None) -> Principal:
    return Principal(ANNE, resolved(given, {**BUILT_IN, "support": SUPPORT}), scopes)


def allowed(principal: Principal, where: Where) -> set[str]:
    return {permission for permission in PERMISSIONS if principal.may(permission, where)}


def test_every_permission_is_explained() -> None:
    assert set(get_args(Permission)) == set(PERMISSIONS)
    assert set(PERMISSIONS) >= OF_THE_INSTALLATION


def test_each_built_in_role_gives_what_those_before_it_give() -> None:
    given = [{each for each in PERMISSIONS if role.gives(each, production=True)} for role in BUILT_IN.values()]
    assert given == sorted(given, key=len)
    assert all(less <= more for less, more in itertools.pairwise(given))
    assert given[-1] == set(PERMISSIONS)


def test_a_developer_changes_flags_outside_production_and_turns_them_off_everywhere() -> None:
    developer = holder(Grant(role="developer", project="shop"))
    assert {"flag.change", "flag.delete"} <= allowed(developer, STAGING)
    rest = {"read", "key.read", "change.propose", "code.report", "event.report"}
    assert allowed(developer, PRODUCTION) == {*rest, "flag.turnOff", "flag.define"}
    assert "flag.change" in allowed(holder(Grant(role="releaseManager")), PRODUCTION)


def test_a_role_in_a_project_is_worth_nothing_elsewhere() -> None:
    administrator = holder(Grant(role="administrator", project="shop"))
    assert allowed(administrator, PRODUCTION) == set(PERMISSIONS)
    assert allowed(administrator, Where("bank")) == allowed(administrator, Where()) == set()


def test_a_role_in_an_environment_sees_the_project_and_changes_nothing_of_it_as_a_whole() -> None:
    manager = holder(Grant(role="releaseManager", project="shop", environments=("production",)))
    assert "flag.change" in allowed(manager, PRODUCTION)
    assert allowed(manager, STAGING) == set()
    assert allowed(manager, Where("shop")) == {"read"}
    assert manager.sees("shop")
    assert not manager.sees("bank")


def test_grants_add_up() -> None:
    both = holder(Grant(role="reader"), Grant(role="support", project="shop", environments=("production",)))
    assert allowed(both, PRODUCTION) == {"read", "flag.turnOff"}
    assert allowed(both, STAGING) == {"read"}


def test_a_role_that_was_deleted_gives_nothing() -> None:
    assert allowed(holder(Grant(role="gone")), STAGING) == set()


def test_scopes_take_away_and_never_give() -> None:
    limited = holder(Grant(role="developer"), scopes=frozenset({"read", "flag.change", "access.manage"}))
    assert allowed(limited, STAGING) == {"read", "flag.change", "flag.turnOff"}
    assert allowed(limited, PRODUCTION) == {"read", "flag.turnOff"}


@pytest.mark.parametrize(
    ("principal", "permission", "where", "said"),
    [
        (
            holder(Grant(role="developer", project="shop")),
            "flag.change",
            PRODUCTION,
            "this takes the permission flag.change in shop/production, and the role developer gives it outside "
            "production only; ask somebody who is administrator or releaseManager there",
        ),
        (
            holder(Grant(role="reader")),
            "flag.change",
            STAGING,
            "this takes the permission flag.change in shop/staging, and the role reader does not give it; "
            "ask somebody who is administrator, developer or releaseManager there",
        ),
        (
            holder(Grant(role="reader", project="bank"), Grant(role="developer", project="shop", environments=("qa",))),
            "key.manage",
            STAGING,
            "this takes the permission key.manage in shop/staging, and your roles are held elsewhere: reader in "
            "project 'bank'; developer in shop/qa; ask somebody who is administrator there",
        ),
        (
            holder(Grant(role="administrator"), scopes=frozenset({"read"})),
            "project.create",
            Where(),
            "this takes the permission project.create in the installation, and this token is limited to read; "
            "ask somebody who is administrator there",
        ),
        (
            holder(),
            "read",
            Where("shop"),
            "this takes the permission read in project 'shop', and you hold no role; "
            "ask somebody who is administrator, developer, reader or releaseManager there",
        ),
    ],
    ids=["production", "role", "elsewhere", "scopes", "nothing"],
)
def test_a_refusal_says_why_and_who_may(principal: Principal, permission: Permission, where: Where, said: str) -> None:
    with pytest.raises(Forbidden) as refused:
        principal.require(permission, where)
    assert str(refused.value) == said


@given(st.lists(grants, max_size=3), permissions, places, st.none() | st.frozensets(permissions))
def test_what_is_allowed_is_never_refused_and_what_is_not_always(
    given: list[Grant], permission: Permission, where: Where, scopes: frozenset[str] | None
) -> None:
    principal = holder(*given, scopes=scopes)
    if principal.may(permission, where):
        principal.require(permission, where)
        assert scopes is None or scopes & {permission, "flag.change"}
        assert any(each.project in (None, where.project) for each in given)
    else:
        with pytest.raises(Forbidden):
            principal.require(permission, where)


@given(st.lists(grants, max_size=3), grants, permissions, places)
def test_another_grant_takes_nothing_away(
    given: list[Grant], more: Grant, permission: Permission, where: Where
) -> None:
    if holder(*given).may(permission, where):
        assert holder(*given, more).may(permission, where)
