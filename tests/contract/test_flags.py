"""Flags of a project and of its environments, over every storage."""

import datetime
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from pennon.control.changes.service import ChangeService
from pennon.control.environments.views import Environment
from pennon.control.errors import (
    AlreadyExists,
    FlagStillRequired,
    Invalid,
    NotFound,
    PreconditionFailed,
    VariationStillServed,
)
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, configuration_of
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import Asked
from pennon.control.log import EnvironmentName, Idempotency, Stored, project_log
from pennon.control.segments.service import SegmentService
from pennon.model import Condition, Flag, Prerequisite, Rule, Segment, Serve, Split, Variation, Weight
from pennon.model.limits import Limits
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop, colours, paths, rows
from tests.editing import read_edits

LOGS = (project_log("shop"), PRODUCTION.log, STAGING.log)
ON_OFF = (Variation("on", True), Variation("off", False))


def test_a_new_flag_is_off_everywhere_with_a_salt_of_its_own(shop: Shop) -> None:
    outcome = shop.create(name="New checkout")
    assert outcome.changed
    assert outcome.item is not None
    assert outcome.item.read(FlagDefinition).name == "New checkout"
    production, staging = shop.flag(), shop.flag(on=STAGING)
    assert (production.on, staging.on) == (False, False)
    assert production.variations == ON_OFF
    assert production.salt != staging.salt
    assert production.fallthrough == Serve("on")


def test_one_command_is_one_row_in_each_log_under_one_change_id(shop: Shop) -> None:
    before = rows(shop, *LOGS)
    outcome = shop.create()
    assert rows(shop, *LOGS) == [number + 1 for number in before]
    with shop.log.reading() as reading:
        changes = [reading.change(log, number + 1) for log, number in zip(LOGS, before, strict=True)]
    assert {change.change_id for change in changes if change is not None} == {outcome.change_id}
    assert len({change.time for change in changes if change is not None}) == 1


def test_what_no_snapshot_shows_changes_the_project_only(shop: Shop) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    definition = FlagDefinition(
        key="checkout",
        variations=ON_OFF,
        name="Checkout",
        tags=("shop",),
        owner="payments",
        value_schema={"type": "boolean"},
        expected_removal=datetime.date(2027, 1, 31),
    )
    outcome = shop.flags.change_definition("shop", definition, by=ANNA)
    assert rows(shop, *LOGS) == [before[0] + 1, *before[1:]]
    assert outcome.item is not None
    assert outcome.item.read(FlagDefinition).expected_removal == datetime.date(2027, 1, 31)
    assert outcome.item.version == 2


def test_what_snapshots_show_is_merged_anew_everywhere(shop: Shop) -> None:
    shop.create()
    shop.edit({"do": "turnOn", "flag": "checkout"})
    shop.flags.change_definition("shop", FlagDefinition(key="checkout", client_side=True), by=ANNA)
    production, staging = shop.flag(), shop.flag(on=STAGING)
    assert (production.client_side, production.on) == (True, True)
    assert (staging.client_side, staging.on) == (True, False)


def test_the_same_definition_again_writes_nothing(shop: Shop) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    outcome = shop.flags.change_definition("shop", FlagDefinition(key="checkout"), by=ANNA)
    assert (outcome.changed, outcome.change_id) == (False, None)
    assert outcome.item is not None
    assert outcome.item.version == 1
    assert rows(shop, *LOGS) == before


def test_a_key_is_taken_once(shop: Shop) -> None:
    shop.create()
    with pytest.raises(AlreadyExists):
        shop.create()


def test_a_deleted_flag_may_come_back_and_its_versions_do_not(shop: Shop) -> None:
    shop.create()
    shop.flags.delete_flag("shop", "checkout", confirm="checkout", by=ANNA)
    with pytest.raises(NotFound):
        shop.flag()
    shop.create()
    assert shop.flag().version == 2


def test_nothing_is_done_where_there_is_nothing(shop: Shop) -> None:
    nowhere = EnvironmentName("shop", "nowhere")
    configuration = FlagConfiguration(fallthrough=Serve("on"))
    with pytest.raises(NotFound, match="no project 'gone'"):
        shop.flags.create_flag("gone", FlagDefinition(key="checkout"), by=ANNA)
    with pytest.raises(NotFound, match="no flag 'checkout'"):
        shop.flags.change_definition("shop", FlagDefinition(key="checkout"), by=ANNA)
    with pytest.raises(NotFound, match="no flag 'checkout'"):
        shop.flags.delete_flag("shop", "checkout", confirm="checkout", by=ANNA)
    with pytest.raises(NotFound, match="no environment 'nowhere'"):
        shop.flags.set_configuration(nowhere, "checkout", configuration, by=ANNA)
    with pytest.raises(NotFound, match="no flag 'checkout'"):
        shop.flags.set_configuration(PRODUCTION, "checkout", configuration, by=ANNA)
    with pytest.raises(NotFound, match="no flag 'checkout'"):
        shop.flag_views.definition("shop", "checkout")


def test_every_fault_of_a_definition_is_told_with_its_path(shop: Shop) -> None:
    definition = FlagDefinition(
        key="new checkout",
        kind="string",
        variations=(Variation("a", "x"), Variation("a", 3)),
        name="two\nlines",
        tags=("", "x", "x"),
        owner="\x00",
        lifetime="permanent",
        expected_removal=datetime.date(2027, 1, 31),
        value_schema={"type": "strin"},
    )
    before = rows(shop, *LOGS)
    with pytest.raises(Invalid) as refused:
        shop.flags.create_flag("shop", definition, by=ANNA)
    assert sorted(paths(refused)) == [
        "/expectedRemoval",
        "/key",
        "/name",
        "/owner",
        "/tags/0",
        "/tags/2",
        "/valueSchema/type",
        "/variations",
        "/variations/1/value",
    ]
    assert rows(shop, *LOGS) == before


def test_tags_are_bounded(shop: Shop) -> None:
    with pytest.raises(Invalid) as refused:
        shop.create(tags=tuple(f"tag-{number}" for number in range(51)))
    assert paths(refused) == ["/tags"]


def test_the_limits_of_an_installation_hold_on_every_way_in(shop: Shop) -> None:
    shop.create()
    limits = Limits(value_bytes=10, rules=0, segment_bytes=60)
    flags = FlagService(shop.log, limits=limits)
    changes = ChangeService(shop.log, limits=limits)
    segments = SegmentService(shop.log, limits=limits)
    large = (Variation("a", "more than ten bytes"),)
    ruled = FlagConfiguration(fallthrough=Serve("on"), rules=(Rule("r1", (), Serve("on")),))
    edit = {"do": "addRule", "flag": "checkout", "rule": {"id": "r1", "conditions": [], "serve": {"variation": "on"}}}
    ways: list[tuple[Callable[[], object], str]] = [
        (
            lambda: flags.create_flag("shop", FlagDefinition(key="x", kind="string", variations=large), by=ANNA),
            "/variations/0/value",
        ),
        (lambda: flags.set_configuration(PRODUCTION, "checkout", ruled, by=ANNA), "/rules"),
        (lambda: changes.apply(PRODUCTION, read_edits([edit]), by=ANNA), "/edits/0"),
        (lambda: segments.create_segment(PRODUCTION, Segment("s", included=("u" * 60,)), by=ANNA), ""),
    ]
    for command, path in ways:
        with pytest.raises(Invalid) as refused:
            command()
        assert paths(refused) == [path]


def test_a_value_that_breaks_the_schema_is_refused_with_the_path_into_it(shop: Shop) -> None:
    schema = {"type": "object", "properties": {"retries": {"type": "integer", "maximum": 9}}}
    good, bad = Variation("calm", {"retries": 3}), Variation("wild", {"retries": 10})
    with pytest.raises(Invalid) as refused:
        shop.create(kind="object", variations=(good, bad), value_schema=schema)
    assert paths(refused) == ["/variations/1/value/retries"]
    shop.create(kind="object", variations=(good,), value_schema=schema)
    definition = FlagDefinition(key="checkout", kind="object", variations=(good, bad), value_schema=schema)
    with pytest.raises(Invalid) as refused:
        shop.flags.change_definition("shop", definition, by=ANNA)
    assert paths(refused) == ["/variations/1/value/retries"]


def test_a_schema_that_an_existing_variation_breaks_is_refused(shop: Shop) -> None:
    shop.create(kind="number", variations=(Variation("low", 1), Variation("high", 10)))
    definition = shop.flag_views.definition("shop", "checkout").read(FlagDefinition)
    with pytest.raises(Invalid) as refused:
        shop.flags.change_definition("shop", replace(definition, value_schema={"maximum": 9}), by=ANNA)
    assert paths(refused) == ["/variations/1/value"]


def test_a_variation_still_served_cannot_go_and_every_place_is_named(shop: Shop) -> None:
    shop.create("a", kind="string", variations=colours("red", "green", "blue"))
    shop.create("b")
    shop.edit({"do": "addTarget", "flag": "a", "variation": "green", "values": ["u1"]}, on=STAGING)
    shop.edit({"do": "addPrerequisite", "flag": "b", "prerequisite": {"flag": "a", "variations": ["red", "green"]}})
    shop.edit({"do": "setWeights", "flag": "a", "weights": {"red": 50_000, "green": 50_000}})
    with pytest.raises(VariationStillServed) as refused:
        shop.flags.change_definition(
            "shop", FlagDefinition(key="a", kind="string", variations=colours("red", "blue")), by=ANNA
        )
    assert sorted(refused.value.where) == [
        "production/flags/a/fallthrough/split/weights/1/variation",
        "production/flags/b/prerequisites/0",
        "staging/flags/a/targets/0/variation",
    ]


def test_a_variation_that_nobody_is_served_any_more_can_go(shop: Shop) -> None:
    shop.create("a", kind="string", variations=colours("red", "green", "blue"))
    shop.edit({"do": "setWeights", "flag": "a", "weights": {"red": 50_000, "green": 50_000}})
    shop.edit({"do": "setWeights", "flag": "a", "weights": {"red": 100_000}})
    assert {weight.variation for weight in (shop.flag("a").fallthrough.split or Split(())).weights} == {"red", "green"}
    shop.flags.change_definition(
        "shop", FlagDefinition(key="a", kind="string", variations=colours("red", "blue")), by=ANNA
    )
    assert shop.flag("a").fallthrough.split == Split((Weight("red", 100_000),))


def test_a_required_flag_cannot_be_deleted_and_its_users_are_named(shop: Shop) -> None:
    for key in ("payments", "a", "b"):
        shop.create(key)
    for key in ("a", "b"):
        shop.edit(
            {"do": "addPrerequisite", "flag": key, "prerequisite": {"flag": "payments", "variations": ["on"]}},
            on=STAGING,
        )
    with pytest.raises(FlagStillRequired) as refused:
        shop.flags.delete_flag("shop", "payments", confirm="payments", by=ANNA)
    assert refused.value.flags == ("a", "b")
    assert shop.flag("payments").key == "payments"


def test_a_configuration_is_replaced_whole_and_weights_are_taken_as_they_are(shop: Shop) -> None:
    shop.create()
    weights = tuple(Weight(*each) for each in (("on", 1), ("off", 49_999), ("on", 50_000)))
    configuration = FlagConfiguration(
        on=True,
        rules=(Rule("r1", (Condition("in", "country", ("DE",)),), Serve("on")),),
        fallthrough=Serve(split=Split(weights)),
        off_variation="off",
    )
    salt = shop.flag().salt
    outcome = shop.flags.set_configuration(PRODUCTION, "checkout", configuration, expected=1, by=ANNA)
    assert outcome.item is not None
    flag = outcome.item.read(Flag)
    assert flag == shop.flag()
    assert configuration_of(flag) == replace(configuration, salt=salt)
    assert (flag.version, outcome.position.revision) == (2, flag.changed_at)
    assert shop.flag(on=STAGING).on is False


def test_of_two_writers_who_saw_the_same_state_the_second_learns_the_current_one(shop: Shop) -> None:
    shop.create()
    configuration = FlagConfiguration(on=True, fallthrough=Serve("on"))
    shop.flags.set_configuration(PRODUCTION, "checkout", configuration, expected=1, by=ANNA)
    with pytest.raises(PreconditionFailed) as refused:
        shop.flags.set_configuration(
            PRODUCTION, "checkout", FlagConfiguration(fallthrough=Serve("off")), expected=1, by=BERT
        )
    assert isinstance(refused.value.current, Stored)
    assert refused.value.current.read(Flag) == shop.flag()
    with pytest.raises(PreconditionFailed):
        shop.flags.change_definition("shop", FlagDefinition(key="checkout", name="x"), expected=2, by=BERT)
    with pytest.raises(PreconditionFailed):
        shop.flags.delete_flag("shop", "checkout", confirm="checkout", expected=2, by=BERT)


@pytest.mark.parametrize(
    ("configuration", "path"),
    [
        (FlagConfiguration(fallthrough=Serve("maybe")), "/fallthrough/variation"),
        (FlagConfiguration(fallthrough=Serve("on"), salt="a.b"), "/salt"),
        (FlagConfiguration(fallthrough=Serve(split=Split((Weight("on", 5),)))), "/fallthrough/split/weights"),
        (
            FlagConfiguration(fallthrough=Serve("on"), prerequisites=(Prerequisite("gone", ("on",)),)),
            "/prerequisites/0/flag",
        ),
        (
            FlagConfiguration(
                fallthrough=Serve("on"),
                rules=(Rule("r1", (Condition("matches", "email", ("(?=a)",)),), Serve("on")),),
            ),
            "/rules/0/conditions/0/values/0",
        ),
        (
            FlagConfiguration(
                fallthrough=Serve("on"),
                rules=(Rule("r1", (Condition("inSegment", values=("gone",)),), Serve("on")),),
            ),
            "/rules/0/conditions/0/values/0",
        ),
    ],
)
def test_a_configuration_that_may_not_be_is_refused_with_the_path(
    shop: Shop, configuration: FlagConfiguration, path: str
) -> None:
    shop.create()
    before = rows(shop, *LOGS)
    with pytest.raises(Invalid) as refused:
        shop.flags.set_configuration(PRODUCTION, "checkout", configuration, by=ANNA)
    assert paths(refused) == [path]
    assert all(problem.mend for problem in refused.value.problems)
    assert rows(shop, *LOGS) == before


def test_a_cycle_of_prerequisites_is_refused_and_named(shop: Shop) -> None:
    for key in ("a", "b", "c"):
        shop.create(key)
    for user, required in (("a", "b"), ("b", "c")):
        shop.edit({"do": "addPrerequisite", "flag": user, "prerequisite": {"flag": required, "variations": ["on"]}})
    closing = FlagConfiguration(fallthrough=Serve("on"), prerequisites=(Prerequisite("a", ("on",)),))
    with pytest.raises(Invalid) as refused:
        shop.flags.set_configuration(PRODUCTION, "c", closing, by=ANNA)
    (problem,) = refused.value.problems
    assert (problem.path, problem.message) == ("/prerequisites", "it needs itself, or what does: c → a → b → c")


def test_a_command_sent_twice_is_one_change(shop: Shop) -> None:
    once = Idempotency("create-checkout", "fingerprint")
    first = shop.flags.create_flag("shop", FlagDefinition(key="checkout"), by=ANNA, idempotency=once)
    before = rows(shop, *LOGS)
    shop.flags.change_definition("shop", FlagDefinition(key="checkout", name="later"), by=ANNA)
    again = shop.flags.create_flag("shop", FlagDefinition(key="checkout"), by=ANNA, idempotency=once)
    assert again == first
    assert rows(shop, *LOGS) == [before[0] + 1, *before[1:]]


def test_a_new_environment_has_every_flag_off(shop: Shop) -> None:
    shop.create()
    shop.edit({"do": "turnOn", "flag": "checkout"})
    shop.environments.create_environment("shop", Environment(key="canary"), by=ANNA)
    assert shop.flag(on=EnvironmentName("shop", "canary")).on is False
    shop.flags.change_definition("shop", FlagDefinition(key="checkout", client_side=True), by=ANNA)
    assert shop.flag(on=EnvironmentName("shop", "canary")).client_side is True


def test_flags_are_listed_by_page_search_and_tag(shop: Shop) -> None:
    for number in range(7):
        tags = ("even",) if number % 2 == 0 else ()
        shop.create(f"flag-{number}", name="Last ONE" if number == 6 else "", tags=tags)
    page = shop.flag_views.definitions("shop", limit=3)
    assert ([item.key for item in page.items], page.next) == (["flag-0", "flag-1", "flag-2"], "flag-2")
    page = shop.flag_views.definitions("shop", after="flag-2", limit=4)
    assert ([item.key for item in page.items], page.next) == (["flag-3", "flag-4", "flag-5", "flag-6"], None)
    page = shop.flag_views.definitions("shop", Asked(tag="even"), limit=2)
    assert ([item.key for item in page.items], page.next) == (["flag-0", "flag-2"], "flag-2")
    page = shop.flag_views.flags(PRODUCTION, Asked(search="last one"))
    assert ([item.key for item in page.items], page.next) == (["flag-6"], None)
    assert [item.key for item in shop.flag_views.flags(PRODUCTION, limit=2).items] == ["flag-0", "flag-1"]


def test_a_key_in_the_list_may_be_anything_that_sorts(shop: Shop) -> None:
    for key in ("B", "a", "A", "b"):
        shop.create(key)
    assert [item.key for item in shop.flag_views.definitions("shop").items] == ["A", "B", "a", "b"]
