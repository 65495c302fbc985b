"""A list of flags is what a reading of every definition would give, whatever was changed since it was last asked."""

import random

from pennon.control.changes.flag_edits import TurnOn
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.index import definition_index
from pennon.control.flags.views import EVERY, Asked, FlagViews, Labels
from pennon.control.log import project_log
from pennon.control.storage import Storage
from pennon.control.working.state import ItemName, LogItems, WorkingKind, WorkingState
from pennon.control.working.uses import users_of
from tests.contract.shop import ANNA, PRODUCTION, Shop

PROJECT = "shop"
CHANCE = random.Random("flags that come and go")


def scanned(storage: Storage, asked: Asked) -> list[str]:
    with storage.log.reading() as reading:
        definitions = [stored.read(FlagDefinition) for stored in reading.items(project_log(PROJECT), "definition")]
    return [
        each.key
        for each in definitions
        if each.archived == asked.archived
        and asked.owner in (None, each.owner)
        and asked.tag in (None, *each.tags)
        and any(asked.search.lower() in text.lower() for text in (each.key, each.name, each.description))
    ]


def listed(views: FlagViews, asked: Asked, limit: int) -> list[str]:
    keys: list[str] = []
    after = None
    while True:
        page = views.definitions(PROJECT, asked, after=after, limit=limit)
        keys += [stored.key for stored in page.items]
        if page.next is None:
            return keys
        assert len(page.items) == limit
        after = page.next


def test_lists_follow_what_is_changed(storage: Storage, shop: Shop) -> None:
    views = FlagViews(storage.log)
    asked = (
        EVERY,
        Asked(search="SHIP"),
        Asked(tag="old"),
        Asked(owner="ann"),
        Asked(archived=True),
        Asked(search="né", tag="old"),
    )
    for step in range(30):
        key = f"{CHANCE.choice(('ship', 'cart', 'Zoo'))}-{CHANCE.randrange(8)}"
        with storage.log.reading() as reading:
            known = reading.item(project_log(PROJECT), "definition", key)
        if known is None:
            tags = tuple(CHANCE.sample(("old", "new"), CHANCE.randrange(3)))
            shop.create(key, name="Né " * (step % 2), tags=tags)
        elif known.read(FlagDefinition).archived:
            shop.flags.restore_flag(PROJECT, key, by=ANNA)
        elif CHANCE.random() < 0.3:
            shop.flags.archive_flag(PROJECT, key, by=ANNA)
        elif CHANCE.random() < 0.5:
            shop.flags.delete_flag(PROJECT, key, confirm=key, by=ANNA)
        else:
            definition = FlagDefinition(key=key, owner=CHANCE.choice(("ann", "bo")), description="shipped")
            shop.flags.change_definition(PROJECT, definition, by=ANNA)
        for each in asked:
            assert listed(views, each, 3) == scanned(storage, each)


def test_a_reader_of_an_earlier_state_does_not_take_a_later_one_away(storage: Storage, shop: Shop) -> None:
    index = definition_index()
    shop.create("first")
    with storage.log.reading() as before:
        assert [entry.key for entry in index.entries(before, project_log(PROJECT))] == ["first"]
        shop.create("second")
        with storage.log.reading() as after:
            assert [entry.key for entry in index.entries(after, project_log(PROJECT))] == ["first", "second"]
        assert [entry.key for entry in index.entries(before, project_log(PROJECT))] == ["first"]
    with storage.log.reading() as later:
        assert [entry.key for entry in index.entries(later, project_log(PROJECT))] == ["first", "second"]


def test_of_a_project_that_is_not_there_nothing_is_listed(storage: Storage) -> None:
    with storage.log.reading() as reading:
        assert definition_index().entries(reading, "nowhere") == ()


def test_what_is_on_is_known_by_environment_as_it_changes(storage: Storage, shop: Shop) -> None:
    views = FlagViews(storage.log)
    shop.create("first")
    shop.create("second")

    def on() -> list[str]:
        with storage.log.reading() as reading:
            return [key for key, each in views.standings(reading, PRODUCTION).items() if each.on]

    assert on() == []
    shop.changes.apply(PRODUCTION, [TurnOn(flag="second")], by=ANNA)
    assert on() == ["second"]
    shop.flags.archive_flag(PROJECT, "second", by=ANNA)
    assert on() == []


def test_who_names_an_item_is_known_as_it_changes(storage: Storage, shop: Shop) -> None:
    views = FlagViews(storage.log)
    shop.create("needed")
    shop.create("needing")

    def users(kind: WorkingKind, key: str) -> list[ItemName]:
        with storage.log.reading() as reading:
            found = views.users(reading, PRODUCTION, (kind, key))
            state = WorkingState(LogItems(reading, PRODUCTION.log))
            assert found == sorted({use.user for use in users_of(state, (kind, key))})
            return found

    assert users("flag", "needed") == []
    shop.edit({"do": "putSegment", "segment": {"key": "inner"}})
    in_inner = {"conditions": [{"op": "inSegment", "values": ["inner"]}]}
    shop.edit({"do": "putSegment", "segment": {"key": "outer", "rules": [in_inner]}})
    shop.edit(
        {"do": "setPrerequisites", "flag": "needing", "prerequisites": [{"flag": "needed", "variations": ["on"]}]},
        {"do": "addRule", "flag": "needing", "rule": {"id": "r", **in_inner, "serve": {"variation": "on"}}},
    )
    assert users("flag", "needed") == [("flag", "needing")]
    assert users("segment", "inner") == [("flag", "needing"), ("segment", "outer")]
    shop.edit({"do": "setPrerequisites", "flag": "needing", "prerequisites": []})
    assert users("flag", "needed") == []
    shop.flags.archive_flag(PROJECT, "needing", by=ANNA)
    assert users("segment", "inner") == [("segment", "outer")]
    with storage.log.reading() as reading:
        assert FlagViews(storage.log).users(reading, PRODUCTION, ("segment", "inner")) == [("segment", "outer")]


def test_labels_are_those_of_all_flags_and_the_number_is_of_those_that_are_asked_for(
    storage: Storage, shop: Shop
) -> None:
    for key, tags, owner in (("a", ("x", "y"), "ann"), ("b", ("y",), ""), ("c", (), "bo")):
        shop.flags.create_flag(PROJECT, FlagDefinition(key=key, tags=tags, owner=owner), by=ANNA)
    with storage.log.reading() as reading:
        found = FlagViews(storage.log).labels(reading, PROJECT, Asked(among={"a", "b"}, tag="y"))
    assert found == Labels(2, ("x", "y"), ("ann", "bo"))
