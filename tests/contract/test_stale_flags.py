"""Which flags are stale, and where code names them, over every storage."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from pennon.control.environments.views import Environment
from pennon.control.errors import Invalid, NotFound
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.flags.views import FlagViews
from pennon.control.lifecycle.code import CodeService, Reference, Report
from pennon.control.lifecycle.evidence import EvidenceReader
from pennon.control.lifecycle.stale import REMEMBERED, AskedStale, StaleViews
from pennon.control.log import EnvironmentName
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project, StaleAfter
from pennon.control.storage import Storage
from pennon.events import HourlyCount
from pennon.ingest.counting import CountedBatch
from tests.clock import HandClock
from tests.contract.shop import ANNA, PRODUCTION, Shop, paths

DAY = timedelta(days=1)


@pytest.fixture
def stale(storage: Storage, clock: HandClock) -> StaleViews:
    evidence = EvidenceReader(storage.log, clock, FlagViews(storage.log), storage.counts, storage.code)
    return StaleViews(storage.log, clock, evidence)


@pytest.fixture
def code(storage: Storage, clock: HandClock) -> CodeService:
    return CodeService(storage.log, clock, storage.code)


def serve(
    storage: Storage, *served: tuple[str, str], days: Sequence[datetime], environment: str = "production"
) -> None:
    hours = [int(time.timestamp()) // 3600 * 3600 for time in days]
    counts = tuple(
        HourlyCount(flag=flag, variation=variation, hour=hour, count=1) for flag, variation in served for hour in hours
    )
    storage.counts.add([CountedBatch(f"shop/{environment}", "k", f"i{len(counts)}", 1, hours[-1] * 1000, counts)])


def told(stale: StaleViews, asked: AskedStale = AskedStale()) -> dict[str, list[str]]:  # noqa: B008  # it is frozen
    return {flag.definition.key: [each.reason for each in flag.reasons] for flag in stale.flags("shop", asked).items}


def scan(*flags: str, at: datetime, repository: str = "shop", owner: str | None = None) -> Report:
    references = [Reference(flag, f"{flag}.py", line, owner) for flag in flags for line in (3, 7)]
    return Report(repository=repository, revision="9f2c", scanned_at=at, references=references)


@pytest.fixture
def old(shop: Shop, storage: Storage, clock: HandClock) -> Shop:
    """A shop of forty days: all get `settled`, `rolling` is on for most, and nobody ever asked for `forgotten`."""
    shop.environments.describe_environment("shop", Environment(key="production", production=True), by=ANNA)
    for key in ("settled", "rolling", "forgotten", "needed"):
        shop.create(key, owner="payments" if key == "settled" else "")
    shop.create("switch", lifetime="permanent")
    shop.create("dated", expected_removal=date(2026, 4, 1))
    shop.edit(*({"do": "turnOn", "flag": key} for key in ("settled", "switch", "dated", "needed")))
    shop.edit(
        {"do": "turnOn", "flag": "rolling"},
        {"do": "addTarget", "flag": "rolling", "variation": "off", "values": ["u1"]},
        {"do": "setPrerequisites", "flag": "rolling", "prerequisites": [{"flag": "needed", "variations": ["on"]}]},
    )
    days = [clock.now() + DAY * (day + 1) for day in range(40)]
    both = [("rolling", "on"), ("rolling", "off"), ("dated", "on"), ("dated", "off")]
    serve(storage, ("settled", "on"), ("switch", "on"), *both, days=days)
    clock.move(40 * DAY)
    return shop


def test_stale_flags_are_told_with_their_evidence(old: Shop, stale: StaleViews) -> None:
    assert told(stale) == {
        "dated": ["pastRemoval", "fullyRolledOut"],
        "forgotten": ["noEvaluations"],
        "needed": ["fullyRolledOut"],
        "settled": ["fullyRolledOut", "oneVariation"],
    }
    flags = {flag.definition.key: flag for flag in stale.flags("shop").items}
    assert flags["settled"].keep == "on"
    assert flags["settled"].evaluated == datetime(2026, 4, 23, 9, tzinfo=UTC)
    assert flags["forgotten"].evaluated is None
    assert flags["settled"].reasons[0].environments == ("production",)
    assert flags["settled"].reasons[0].since == datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
    assert (flags["forgotten"].keep, flags["needed"].required_by) == (None, ("rolling",))


def test_stale_flags_are_asked_for_by_reason_owner_and_key_and_come_in_pages(old: Shop, stale: StaleViews) -> None:
    assert list(told(stale, AskedStale(reason="noEvaluations"))) == ["forgotten"]
    assert list(told(stale, AskedStale(owner="payments"))) == ["settled"]
    assert list(told(stale, AskedStale(flag="dated"))) == ["dated"]
    assert told(stale, AskedStale(flag="rolling")) == told(stale, AskedStale(flag="none")) == {}
    page = stale.flags("shop", limit=2)
    assert ([flag.definition.key for flag in page.items], page.next) == (["dated", "forgotten"], "forgotten")
    rest = stale.flags("shop", after=page.next, limit=2)
    assert ([flag.definition.key for flag in rest.items], rest.next) == (["needed", "settled"], None)


def test_young_and_silent_environments_prove_nothing(old: Shop, stale: StaleViews) -> None:
    assert told(stale, AskedStale(environment="staging")) == {"dated": ["pastRemoval"]}
    with pytest.raises(NotFound):
        stale.flags("shop", AskedStale(environment="none"))
    with pytest.raises(NotFound):
        stale.flags("none")


def test_evaluations_in_any_environment_show_that_somebody_asks(
    old: Shop, stale: StaleViews, storage: Storage, clock: HandClock
) -> None:
    serve(storage, ("forgotten", "off"), days=[clock.now()], environment="staging")
    assert "forgotten" not in told(stale)


def test_evaluations_show_within_a_minute_and_changes_at_once(
    old: Shop, stale: StaleViews, storage: Storage, clock: HandClock
) -> None:
    assert "forgotten" in told(stale)
    serve(storage, ("forgotten", "off"), days=[clock.now()])
    clock.move(REMEMBERED)
    assert "forgotten" not in told(stale)
    assert "settled" in told(stale)
    old.edit({"do": "turnOff", "flag": "settled"})
    assert "settled" not in told(stale)


def test_flag_that_was_changed_or_restored_lately_is_not_stale(old: Shop, stale: StaleViews) -> None:
    old.edit({"do": "setCritical", "flag": "settled", "critical": True})
    old.flags.archive_flag("shop", "forgotten", by=ANNA)
    assert {"settled", "forgotten"}.isdisjoint(told(stale))
    old.flags.restore_flag("shop", "forgotten", by=ANNA)
    assert "forgotten" not in told(stale)


def test_thresholds_are_set_by_the_project(old: Shop, stale: StaleViews, storage: Storage) -> None:
    projects = ProjectService(storage.log)
    projects.describe_project(Project(key="shop", stale_after=StaleAfter(fully_rolled_out=90)), by=ANNA)
    assert told(stale)["settled"] == ["oneVariation"]
    with pytest.raises(Invalid) as refused:
        projects.describe_project(
            Project(key="shop", stale_after=StaleAfter(one_variation=0, not_in_code=366)), by=ANNA
        )
    assert paths(refused) == ["/staleAfter/oneVariation", "/staleAfter/notInCode"]


def test_production_counts_where_there_is_one(old: Shop, stale: StaleViews) -> None:
    old.environments.create_environment("shop", Environment(key="live", production=True), by=ANNA)
    assert told(stale) == {"dated": ["pastRemoval"]}  # it is new, and nobody has evaluated anything in it


def test_flag_that_no_scanned_code_names_is_told(
    old: Shop, stale: StaleViews, code: CodeService, clock: HandClock
) -> None:
    code.take_report("shop", scan("settled", "rolling", at=clock.now()))
    code.take_report("shop", scan("forgotten", "dated", at=clock.now() - DAY, repository="mobile"))
    assert told(stale)["switch"] == ["notInCode"]
    assert "notInCode" not in {reason for key in ("settled", "dated", "needed") for reason in told(stale)[key]}
    reason = stale.flags("shop", AskedStale(flag="switch")).items[0].reasons[0]
    assert (reason.since, reason.repositories) == (clock.now() - DAY, ("mobile", "shop"))


def test_report_takes_the_place_of_the_last_one_of_its_repository(
    old: Shop, code: CodeService, clock: HandClock
) -> None:
    now = clock.now()
    assert code.take_report("shop", scan("settled", "rolling", at=now - DAY)).kept
    assert code.take_report("shop", scan("rolling", at=now, owner="@acme/web")).kept
    assert not code.take_report("shop", scan("settled", at=now - timedelta(hours=1))).kept
    assert code.take_report("shop", scan("rolling", at=now, owner="@acme/web")).kept  # sent again
    assert [(each.references, each.flags, each.scanned_at) for each in code.scans("shop")] == [(2, 1, now)]
    assert code.references("shop", "settled").items == ()
    page = code.references("shop", "rolling", limit=1)
    assert (page.items[0].reference, page.next) == (Reference("rolling", "rolling.py", 3, "@acme/web"), "1")
    assert code.references("shop", "rolling", after=1).items[0].reference.line == 7


def test_report_is_answered_with_flags_that_are_not_there(old: Shop, code: CodeService, clock: HandClock) -> None:
    old.flags.archive_flag("shop", "forgotten", by=ANNA)
    received = code.take_report("shop", scan("settled", "forgotten", "chekout", at=clock.now()))
    assert [(each.flag, each.line) for each in received.unknown] == [("chekout", 3)]
    assert [each.flag for each in received.archived] == ["forgotten"]


def test_repository_that_is_no_more_is_forgotten(old: Shop, code: CodeService, clock: HandClock) -> None:
    code.take_report("shop", scan("settled", at=clock.now()))
    code.take_report("shop", scan("settled", at=clock.now(), repository="mobile"))
    code.forget("shop", "mobile")
    assert [each.repository for each in code.scans("shop")] == ["shop"]
    assert [each.repository for each in code.references("shop", "settled").items] == ["shop", "shop"]
    with pytest.raises(NotFound):
        code.forget("shop", "mobile")


@pytest.mark.parametrize(
    ("report", "path"),
    [
        ([Reference("", "a.py", 1)], "/references/0/flag"),
        ([Reference("f", "a.py", 1), Reference("f", "a\nb.py", 1)], "/references/1/file"),
        ([Reference("f", "a.py", 0)], "/references/0/line"),
        ([Reference("f", "a.py", 1, "\ud800")], "/references/0/owner"),
        ([Reference("f", "a.py", 1)] * 100_001, "/references"),
    ],
    ids=["no flag", "two lines", "line 0", "a lone surrogate", "too many"],
)
def test_bad_report_is_refused_and_the_last_one_stays(
    old: Shop, code: CodeService, clock: HandClock, report: Sequence[Reference], path: str
) -> None:
    code.take_report("shop", scan("settled", at=clock.now()))
    bad = Report(repository="shop", revision="", scanned_at=clock.now(), references=report)
    with pytest.raises(Invalid) as refused:
        code.take_report("shop", bad)
    assert paths(refused) == [path]
    assert [each.references for each in code.scans("shop")] == [2]


def test_scan_of_the_future_is_refused_for_it_would_hide_all_to_come(
    old: Shop, code: CodeService, clock: HandClock
) -> None:
    with pytest.raises(Invalid) as refused:
        code.take_report("shop", scan("f", at=clock.now() + DAY))
    assert paths(refused) == ["/scannedAt"]
    assert code.take_report("shop", scan("f", at=clock.now() + timedelta(minutes=5))).kept


def test_reports_of_one_repository_at_once_leave_one_of_them(old: Shop, code: CodeService, clock: HandClock) -> None:
    reports = [scan(*(f"f{n}" for n in range(size)), at=clock.now()) for size in (1, 40, 80, 120)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda report: code.take_report("shop", report), reports))
    (kept,) = code.scans("shop")
    assert kept.references in {len(report.references) for report in reports}
    assert kept.references == 2 * kept.flags


def test_required_flags_of_an_environment_are_found_in_it_only(old: Shop, stale: StaleViews, clock: HandClock) -> None:
    old.flags.create_flag("shop", FlagDefinition(key="base"), by=ANNA)
    needed = [{"flag": "base", "variations": ["on"]}]
    old.edit(
        {"do": "setPrerequisites", "flag": "settled", "prerequisites": needed}, on=EnvironmentName("shop", "staging")
    )
    clock.move(31 * DAY)
    (base,) = stale.flags("shop", AskedStale(flag="settled", environment=PRODUCTION.environment)).items
    assert base.required_by == ()


def test_imported_flags_require_those_that_their_conditions_ask_for(old: Shop, stale: StaleViews) -> None:
    asks = {"op": "serves", "attribute": "forgotten", "values": ["on"]}
    configuration = {
        "compat": {"vendor": "growthbook", "dialect": "javascript"},
        "rules": [{"id": "parent", "conditions": [asks], "serve": {"variation": "on"}}],
        "fallthrough": {"variation": "off"},
        "on": True,
    }
    old.edit({"do": "putFlag", "definition": {"key": "imported"}, "configuration": configuration})
    assert "forgotten" not in told(stale), "no code asks for what another flag asks for"
    named = {flag.definition.key: flag.required_by for flag in stale.flags("shop").items}
    assert named["needed"] == ("rolling",)
    old.edit({"do": "deleteFlag", "flag": "imported"})
    assert told(stale)["forgotten"] == ["noEvaluations"]
