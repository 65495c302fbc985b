"""What a project and an environment leave behind: nothing of it is found in a later one of the same key."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import BigInteger, Integer, LargeBinary, Table, func, insert, select

from pennon.control.environments.views import Environment
from pennon.control.log import SYSTEM
from pennon.control.projects.remains import ClearingUp
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.storage import Storage
from pennon.control.storage.belongings import OF_ENVIRONMENTS, OF_PROJECTS, StoredRemains
from pennon.control.storage.tables import metadata
from tests.clock import HandClock
from tests.contract.shop import ANNA, PRODUCTION, STAGING, Shop

LASTING: Mapping[str, str] = {
    "heads": "a log goes on, so that no revision is used twice",
    "changes": "the change log is what was, deletion and all",
    "touched": "an index over the change log",
    "items": "deleting a project or an environment deletes its items; their versions stay, to be used once",
    "external_heads": "numbers of events are used once: readers and webhooks stand somewhere in them",
    "webhook_cursors": "a log goes on, and its cursor with it",
    "webhook_lines": "a line has a name that no later webhook has; what is left in it goes with age",
    "webhook_deliveries": "found by their line only",
    "commands": "what came with an idempotency key, by who sent it, for a day",
    "last_used": "by the hash of a secret, which is never made again",
    "sealed_keys": "of the installation",
    "passwords": "of accounts, which belong to no project",
    "sessions": "of accounts, which belong to no project",
    "sign_in_failures": "of accounts and addresses",
    "schemas": "of the database",
}
"""The tables of which nothing goes with a project or an environment, and why."""

OWNED = [(table, "shop") for table in OF_PROJECTS] + [(table, str(PRODUCTION)) for table in OF_ENVIRONMENTS]


def test_somebody_thought_of_every_table() -> None:
    """A new table belongs to a project, to an environment, or above, with the reason why it outlives them."""
    owned = [table.name for table, _ in OWNED]
    assert sorted([*owned, *LASTING]) == sorted(table.name for table in metadata.sorted_tables)
    for tables, column in ((OF_PROJECTS, "project"), (OF_ENVIRONMENTS, "environment")):
        for table in tables:
            assert next(iter(table.primary_key)).name == column, table.name


def fill(storage: Storage, *, count: int = 1) -> None:
    """Put *count* rows of the shop and of its two environments, and one of a neighbour's, into each table."""
    with storage.remains._database.writing() as connection:
        for table, name in OWNED:
            names = ["shop2"] if table in OF_PROJECTS else [str(STAGING), "shop/production2"]
            rows = [_row(table, name, at) for at in range(count)] + [_row(table, each, 0) for each in names]
            connection.execute(insert(table), rows)
        connection.commit()


def _row(table: Table, owner: str, at: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        if isinstance(column.type, BigInteger | Integer):
            row[column.name] = at
        else:
            row[column.name] = b"{}" if isinstance(column.type, LargeBinary) else f"{at:04}"
    return {**row, next(iter(table.primary_key)).name: owner}


def left(storage: Storage) -> dict[str, list[str]]:
    """Return of which owners each table has rows."""
    found = {}
    with storage.remains._database.reading() as connection:
        for table, _ in OWNED:
            owner = next(iter(table.primary_key))
            found[table.name] = list(connection.execute(select(owner).distinct().order_by(owner)).scalars())
    return found


def test_a_new_project_begins_with_nothing_of_the_old(shop: Shop, storage: Storage) -> None:
    projects = ProjectService(shop.log)
    projects.delete_project("shop", confirm="shop", by=ANNA)
    fill(storage)
    projects.create_project(Project(key="shop"), by=ANNA)
    found = left(storage)
    for table in OF_PROJECTS:
        assert found[table.name] == ["shop2"]
    shop.environments.create_environment("shop", Environment(key="production"), by=ANNA)
    found = left(storage)
    for table in OF_ENVIRONMENTS:
        assert found[table.name] == ["shop/production2", str(STAGING)], table.name


def test_what_is_deleted_is_forgotten_a_few_at_a_time(shop: Shop, storage: Storage, clock: HandClock) -> None:
    shop.environments.create_environment("shop", Environment(key="production2"), by=SYSTEM)
    ProjectService(shop.log).create_project(Project(key="shop2"), by=SYSTEM)
    fill(storage, count=25)
    before = left(storage)
    remains = StoredRemains(storage.remains._database, at_once=10)
    assert remains.clear() is False
    assert left(storage) == before
    shop.environments.delete_environment(PRODUCTION, confirm="production", by=ANNA)
    assert ClearingUp(remains, clock).run() == clock.now()
    assert _count(storage, OF_ENVIRONMENTS[0]) == 25 + 2 - 10
    while remains.clear():
        pass
    found = left(storage)
    assert {found[table.name][0] for table in OF_ENVIRONMENTS} == {"shop/production2"}
    assert {name for table in OF_PROJECTS for name in found[table.name]} == {"shop", "shop2"}
    ProjectService(shop.log).delete_project("shop", confirm="shop", by=ANNA)
    while remains.clear():
        pass
    found = left(storage)
    assert {name for table in OF_PROJECTS for name in found[table.name]} == {"shop2"}
    assert not any(found[table.name] for table in OF_ENVIRONMENTS)
    assert ClearingUp(remains, clock).run() is None


def _count(storage: Storage, table: Table) -> int:
    with storage.remains._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("is_made_again", [False, True])
def test_what_is_there_again_is_not_forgotten(shop: Shop, storage: Storage, is_made_again: bool) -> None:
    shop.environments.delete_environment(PRODUCTION, confirm="production", by=ANNA)
    if is_made_again:
        shop.environments.create_environment("shop", Environment(key="production"), by=ANNA)
    fill(storage)
    while storage.remains.clear():
        pass
    found = left(storage)
    for table in OF_ENVIRONMENTS:
        assert (str(PRODUCTION) in found[table.name]) is is_made_again, table.name
