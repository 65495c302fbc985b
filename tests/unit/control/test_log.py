from datetime import UTC, datetime

from pennon.control.log import NO_HASH, Edit, EnvironmentName, Head, State, Stored, environment_log, project_log
from pennon.model import Item, Segment


def test_names_of_logs_say_what_they_hold() -> None:
    assert project_log("shop") == "projects/shop"
    assert environment_log("shop", "production") == "environments/shop/production"


def test_environment_is_written_as_its_project_and_itself() -> None:
    name = EnvironmentName("shop", "production")
    assert str(name) == "shop/production"
    assert name.log == "environments/shop/production"


def test_stored_item_is_the_item_that_travels() -> None:
    item = Item.of(Segment("beta", version=4, changed_at=9, included=("u1",)))
    stored = Stored.of("segment", "beta", item.text)
    assert (stored.kind, stored.version, stored.changed_at, stored.hash) == ("segment", 4, 9, item.hash)
    assert stored.item == item
    assert stored.read(Segment).included == ("u1",)


def test_edit_that_deletes_leaves_nothing() -> None:
    text = Item.of(Segment("beta")).text
    assert Edit("segment", "beta", text, None).left is None
    assert Edit("segment", "beta", None, text).left == Stored.of("segment", "beta", text)


def test_state_without_items_of_a_kind_has_an_empty_one() -> None:
    state = State(Head(1, 0, NO_HASH, datetime(2026, 1, 1, tzinfo=UTC)), {})
    assert state.of("flag") == {}
