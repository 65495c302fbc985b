"""The values of a flag go over to another schema: prepared, activated, cleaned up; over every storage."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pennon.control.changes.service import ChangeService
from pennon.control.environments.gate import Gate
from pennon.control.environments.protection import Leave
from pennon.control.errors import Conflict, FlagArchived, Invalid, NotFound, Protected, StillRead
from pennon.control.flags.definitions import FlagDefinition, OtherValues
from pennon.control.flags.schema_service import SchemaService
from pennon.control.log import SYSTEM, project_log
from pennon.control.storage import Storage
from pennon.ingest.counting import CountedBatch
from pennon.model import Variation
from tests.clock import HandClock
from tests.contract.shop import ANNA, PRODUCTION, STAGING, Shop
from tests.editing import read_edits

OLD = {"type": "object", "required": ["colour"]}
NEW = {"type": "object", "required": ["colours"]}
DARK, LIGHT = {"colours": ["black"]}, {"colours": ["white"]}
VARIATIONS = (Variation("dark", {"colour": "black"}), Variation("light", {"colour": "white"}))
COMING = OtherValues(schema=NEW, values={"dark": DARK, "light": LIGHT}, read_by={"checkout-web": "2.3.0"})


class Bench:
    """A shop with the flag `theme`, whose values are moved, and readers that report."""

    def __init__(self, shop: Shop, storage: Storage, clock: HandClock) -> None:
        self.shop, self.storage, self.clock = shop, storage, clock
        permit = Gate(clock, storage.counts).permit
        self.schemas = SchemaService(storage.log, storage.counts, clock, permit=permit)
        self.changes = ChangeService(storage.log, permit=permit)
        shop.create("theme", kind="object", variations=VARIATIONS, value_schema=OLD)
        self._sequence = 0

    def report(self, sdk: str, *, environment: str = str(PRODUCTION), instance: str = "i1") -> None:
        self._sequence += 1
        at = int(self.clock.now().timestamp() * 1000)
        self.storage.counts.add([CountedBatch(environment, "k", instance, self._sequence, at, (), sdk)])

    def prepare(self, values: OtherValues = COMING) -> None:
        self.schemas.prepare_schema("shop", "theme", values, by=SYSTEM)

    def activate(self, **about: Any) -> None:
        self.schemas.activate_schema("shop", "theme", **{"by": SYSTEM, **about})

    def clean_up(self) -> None:
        self.schemas.clean_up_schema("shop", "theme", by=SYSTEM)

    def definition(self) -> FlagDefinition:
        return self.shop.flag_views.definition("shop", "theme").read(FlagDefinition)

    def served(self) -> list[object]:
        return [variation.value for variation in self.shop.flag("theme").variations]


@pytest.fixture
def bench(shop: Shop, storage: Storage, clock: HandClock) -> Bench:
    return Bench(shop, storage, clock)


def test_values_go_over_in_three_steps(bench: Bench) -> None:
    before = bench.shop.flag("theme")
    bench.prepare()
    assert bench.shop.flag("theme") == before  # SDKs are sent nothing
    assert bench.definition().value_schema == OLD
    bench.activate()
    assert bench.served() == [DARK, LIGHT]
    assert [v.value for v in bench.shop.flag("theme", on=STAGING).variations] == [DARK, LIGHT]
    definition = bench.definition()
    assert definition.value_schema == NEW
    assert definition.prepared is None
    assert definition.previous == OtherValues(schema=OLD, values={v.key: v.value for v in VARIATIONS})
    with pytest.raises(Conflict, match="clean up first"):
        bench.prepare()
    bench.clean_up()
    assert bench.definition().previous is None
    assert bench.served() == [DARK, LIGHT]


def test_taking_the_activation_back_brings_both_back(bench: Bench) -> None:
    bench.prepare()
    bench.activate()
    made = bench.shop.flag("theme").changed_at
    bench.changes.revert(PRODUCTION, made, by=SYSTEM)
    assert bench.served() == [v.value for v in VARIATIONS]
    assert bench.definition().prepared == COMING
    assert bench.definition().previous is None
    bench.activate()
    assert bench.served() == [DARK, LIGHT]


def test_prepared_values_may_be_given_up_and_prepared_anew(bench: Bench) -> None:
    bench.prepare(msgspec.structs.replace(COMING, values={"dark": DARK}))
    bench.prepare()
    bench.clean_up()
    assert bench.definition().prepared is None
    with pytest.raises(Conflict, match="no values prepared"):
        bench.activate()


def test_values_that_do_not_satisfy_the_schema_are_named_and_not_activated(bench: Bench) -> None:
    bench.prepare(msgspec.structs.replace(COMING, values={"dark": DARK}, read_by={}))
    standing = bench.schemas.standing("shop", "theme")
    assert [problem.path for problem in standing.unready] == ["/variations/1/value"]
    with pytest.raises(Invalid) as refused:
        bench.activate()
    assert [problem.path for problem in refused.value.problems] == ["/variations/1/value"]
    assert bench.served() == [v.value for v in VARIATIONS]


def test_nothing_is_activated_that_older_readers_are_heard_of(bench: Bench) -> None:
    bench.prepare()
    bench.report("pennon-python/1.0 checkout-web/2.2.9")
    bench.report("pennon-python/1.0 checkout-web/2.2.9", instance="i2")
    bench.report("pennon-python/1.0 checkout-web/2.3.0", instance="i3")
    bench.report("pennon-python/1.0", instance="i4", environment=str(STAGING))
    bench.report("pennon-python/1.0 checkout-web/1.0", instance="i5", environment="other/production")
    standing = bench.schemas.standing("shop", "theme")
    [older] = standing.behind
    assert (older.version, older.instances, older.environment) == ("2.2.9", 2, str(PRODUCTION))
    assert standing.strangers == 1
    assert sum(reader.instances for reader in standing.readers) == 4
    with pytest.raises(StillRead, match=r"2 instances of checkout-web 2\.2\.9 in shop/production"):
        bench.activate()
    assert bench.served() == [v.value for v in VARIATIONS]
    bench.report("pennon-python/1.0 checkout-web/2.3.0")  # the same instances, renewed
    bench.report("pennon-python/1.0 checkout-web/2.4.0-beta.1", instance="i2")
    bench.activate()
    assert bench.served() == [DARK, LIGHT]


def test_who_was_silent_for_long_enough_counts_no_more(bench: Bench) -> None:
    bench.prepare(msgspec.structs.replace(COMING, gone_after_h=2))
    bench.report("checkout-web/1.0")
    bench.clock.move(timedelta(hours=1))
    with pytest.raises(StillRead):
        bench.activate()
    bench.clock.move(timedelta(hours=2))
    bench.activate()


def test_the_glass_is_broken_with_a_reason(bench: Bench) -> None:
    bench.prepare()
    bench.report("checkout-web/1.0")
    leave = Leave(is_break_glass=True)
    with pytest.raises(Protected, match="reason"):
        bench.activate(leave=leave)
    bench.activate(leave=leave, why="those pods hang and serve nobody")
    assert bench.served() == [DARK, LIGHT]
    with bench.storage.log.reading() as reading:
        [latest] = reading.latest(project_log("shop"), limit=1)
    assert latest.why == "broke the glass: those pods hang and serve nobody"


def test_edits_do_the_same_and_are_held_to_the_same(bench: Bench) -> None:
    prepare = {
        "do": "prepareSchema",
        "flag": "theme",
        "schema": NEW,
        "values": {"dark": DARK, "light": LIGHT},
        "readBy": {"checkout-web": "2.3.0"},
    }
    bench.changes.apply(PRODUCTION, read_edits([prepare]), by=SYSTEM)
    assert bench.definition().prepared == COMING
    bench.report("checkout-web/2.0")
    activate = read_edits([{"do": "activateSchema", "flag": "theme"}])
    assert bench.changes.preview(PRODUCTION, activate).changed
    with pytest.raises(StillRead):
        bench.changes.apply(PRODUCTION, activate, by=SYSTEM)
    bench.report("checkout-web/2.3.0")
    bench.changes.apply(PRODUCTION, activate, by=SYSTEM)
    bench.changes.apply(PRODUCTION, read_edits([{"do": "cleanUpSchema", "flag": "theme"}]), by=SYSTEM)
    assert bench.definition().previous is None
    assert bench.served() == [DARK, LIGHT]


def test_all_three_at_once_is_one_change(bench: Bench) -> None:
    steps: list[dict[str, Any]] = [
        {"do": "prepareSchema", "flag": "theme", "schema": NEW, "values": {"dark": DARK, "light": LIGHT}},
        {"do": "activateSchema", "flag": "theme"},
        {"do": "cleanUpSchema", "flag": "theme"},
    ]
    bench.changes.apply(PRODUCTION, read_edits(steps), by=SYSTEM)
    assert bench.served() == [DARK, LIGHT]
    assert (bench.definition().prepared, bench.definition().previous) == (None, None)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"schema": {"type": "thing"}}, "/schema/type"),
        ({"schema": 7}, "/schema"),
        ({"values": {"gone": {}}}, "/values/gone"),
        ({"read_by": {"check out": "1"}}, "/readBy/check out"),
        ({"read_by": {"checkout": "newest"}}, "/readBy/checkout"),
        ({"gone_after_h": 0}, "/goneAfterH"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_prepared(bench: Bench, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        bench.prepare(msgspec.structs.replace(COMING, **fields))
    assert [problem.path for problem in refused.value.problems] == [path]
    assert bench.definition().prepared is None


def test_a_fault_of_an_edit_has_its_path_in_the_edits(bench: Bench) -> None:
    edits = read_edits([{"do": "prepareSchema", "flag": "theme", "schema": {"type": "thing"}}])
    with pytest.raises(Invalid) as refused:
        bench.changes.apply(PRODUCTION, edits, by=SYSTEM)
    assert [problem.path for problem in refused.value.problems] == ["/edits/0/schema/type"]
    with pytest.raises(Conflict, match="no values prepared"):
        bench.changes.apply(PRODUCTION, read_edits([{"do": "activateSchema", "flag": "theme"}]), by=SYSTEM)


def test_a_definition_that_is_replaced_keeps_what_is_prepared(bench: Bench) -> None:
    bench.prepare()
    given = msgspec.structs.replace(bench.definition(), name="Theme", prepared=None)
    bench.shop.flags.change_definition("shop", given, by=ANNA)
    assert bench.definition().name == "Theme"
    assert bench.definition().prepared == COMING
    made_up = FlagDefinition(key="new", prepared=COMING, previous=COMING)
    bench.shop.flags.create_flag("shop", made_up, by=ANNA)
    made = bench.shop.flag_views.definition("shop", "new").read(FlagDefinition)
    assert (made.prepared, made.previous) == (None, None)


def test_a_flag_that_is_not_there_or_archived_has_nothing_to_move(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.schemas.standing("shop", "none")
    with pytest.raises(NotFound):
        bench.schemas.clean_up_schema("shop", "none", by=SYSTEM)
    bench.shop.flags.archive_flag("shop", "theme", by=ANNA)
    with pytest.raises(FlagArchived):
        bench.prepare()


def test_the_log_says_what_each_step_did(bench: Bench) -> None:
    bench.prepare()
    bench.activate()
    bench.clean_up()
    page = bench.shop.change_views.project_changes("shop", flag="theme", before=2**53, limit=10)
    said = [sentence for report in page.items for item in report.items for sentence in item.sentences]
    assert "definition of flag theme: the old values are dropped" in said
    assert "definition of flag theme: the prepared values are active, the old ones kept" in said
    assert any("read by checkout-web from 2.3.0" in sentence for sentence in said)
