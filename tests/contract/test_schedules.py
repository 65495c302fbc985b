"""Schedules over both storages, by a clock that is moved by hand: what is made when, and what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pennon.control.access.credentials import NewToken
from pennon.control.access.service import TokenService
from pennon.control.environments.gate import Alteration, Gate
from pennon.control.environments.protection import Freeze, Protection, WeeklyFreeze
from pennon.control.environments.views import Environment
from pennon.control.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, Protected
from pennon.control.log import SYSTEM, Actor, Change, Outcome, Reading
from pennon.control.schedules.metrics import ScheduleMetrics
from pennon.control.schedules.models import Schedule
from pennon.control.schedules.plans import Plan
from pennon.control.schedules.running import ScheduleRuns
from pennon.control.schedules.service import ScheduleService, Wanted
from pennon.control.schedules.views import ScheduleViews, past_runs, schedule, upcoming
from pennon.control.storage import Storage
from tests.clock import HandClock
from tests.contract.shop import ANNA, BERT, PRODUCTION, STAGING, Shop, paths

ON, OFF = ({"do": do, "flag": "checkout"} for do in ("turnOn", "turnOff"))
CRITICAL = {"do": "setCritical", "flag": "checkout", "critical": True}
NIGHT = {
    "kind": "window",
    "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "start": "22:00",
    "until": "06:00",
    "zone": "Europe/Berlin",
    "edits": [ON],
    "endEdits": [OFF],
}


FLAGS = {"Broken": "checkout", "Whole": "other"}


def share(percent: int) -> dict[str, Any]:
    return {
        "do": "setWeights",
        "flag": "checkout",
        "weights": {"on": percent * 1000, "off": (100 - percent) * 1000},
    }


class Planned:
    """The services about schedules, over the storage of the test."""

    def __init__(self, storage: Storage, clock: HandClock, shop: Shop) -> None:
        self.clock, self.shop, self.log = clock, shop, storage.log
        permit = Gate(clock).permit
        self.tokens = TokenService(storage.log, clock, storage.last_used)
        self.service = ScheduleService(storage.log, clock, new_salt=shop.salt, permit=permit)
        self.metrics = ScheduleMetrics(clock)
        self.runs = [ScheduleRuns(storage.log, clock, self.metrics, new_salt=shop.salt, permit=permit) for _ in "ab"]
        self.anna = self.actor("Anna")

    def actor(self, name: str, role: str = "administrator", **rest: Any) -> Actor:
        return self.tokens.create_token(NewToken(name=name, role=role, **rest), by=SYSTEM).token.actor

    def make(self, plan: dict[str, Any], *, by: Actor | None = None, **about: Any) -> Schedule:
        wanted = Wanted(**{"title": "Launch", "plan": read(plan), **about})
        return self.item(self.service.create_schedule(PRODUCTION, wanted, by=by or self.anna))

    def item(self, outcome: Outcome) -> Schedule:
        assert outcome.item is not None
        return outcome.item.read(Schedule)

    def once(self, *edits: dict[str, Any], in_minutes: int = 60, **about: Any) -> Schedule:
        at = self.clock.now() + timedelta(minutes=in_minutes)
        return self.make({"kind": "once", "at": at.isoformat(), "edits": list(edits or (ON,))}, **about)

    def now(self, found: Schedule) -> Schedule:
        with self.log.reading() as reading:
            return schedule(reading, PRODUCTION, found.key)

    def state(self, found: Schedule) -> tuple[str, str | None]:
        current = self.now(found)
        return current.state, current.last.result if current.last else None

    def tend(self, *, until: str | None = None, **by: float) -> datetime | None:
        """Let time pass, and have both servers do what is due."""
        self.clock.time = at(until) if until else self.clock.time + timedelta(**by)
        return [each.run() for each in self.runs][-1]

    def last_change(self) -> Change:
        with self.log.reading() as reading:
            return reading.latest(PRODUCTION.log, limit=1)[0]

    def protect(self, **demands: Any) -> None:
        environment = Environment(key="production", protection=Protection(**demands))
        self.shop.environments.describe_environment("shop", environment, by=SYSTEM)


def read(plan: dict[str, Any]) -> Plan:
    read_plan: Plan = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)
    return read_plan


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def planned(storage: Storage, clock: HandClock, shop: Shop) -> Planned:
    clock.time = at("2026-11-16T12:00:00+01:00")  # a Monday
    shop.create()
    return Planned(storage, clock, shop)


def test_a_change_is_made_at_its_time_once_in_the_name_of_who_planned_it(planned: Planned) -> None:
    made = planned.once(why="OPS-12")
    assert planned.tend(minutes=59) == planned.clock.now() + timedelta(minutes=1)
    assert not planned.shop.flag().on
    before = planned.shop.revision()
    assert planned.tend(minutes=1) is None
    assert planned.shop.flag().on
    assert planned.shop.revision() == before + 1
    change = planned.last_change()
    assert (change.action, change.actor.name) == ("runSchedule", f"Anna (schedule {made.key})")
    assert (change.actor.kind, change.actor.id) == (planned.anna.kind, planned.anna.id)
    assert change.why == f"Launch (schedule {made.key}): OPS-12"
    assert planned.state(made) == ("done", "made")
    with planned.log.reading() as reading:
        (run,) = past_runs(reading, PRODUCTION, made.key, before=None, limit=10).items
        together = reading.written_together(run.change_id)
    assert [each.log for each in together] == [PRODUCTION.log, "projects/shop"]
    assert (run.run.result, run.run.due) == ("made", made.created + timedelta(hours=1))


def test_a_timetable_goes_from_step_to_step_on_what_it_has_left_itself(planned: Planned) -> None:
    planned.shop.edit(ON, {"do": "setSplit", "flag": "checkout", "by": "targetingKey", "weights": share(0)["weights"]})
    steps = [
        {"at": f"2026-11-{day}T09:00:00+01:00", "edits": [share(percent)]}
        for day, percent in ((17, 1), (18, 10), (20, 50))
    ]
    made = planned.make({"kind": "timetable", "steps": steps})
    served = []
    for until in ("2026-11-17T09:00:00+01:00", "2026-11-18T09:00:01+01:00", "2026-11-21T00:00:00+01:00"):
        planned.tend(until=until)
        split = planned.shop.flag().fallthrough.split
        assert split is not None
        served.append(sum(each.weight for each in split.weights if each.variation == "on"))
    assert served == [1000, 10_000, 50_000]
    assert planned.state(made) == ("done", "made")


def test_what_was_missed_by_a_timetable_is_made_as_one_change(planned: Planned) -> None:
    steps = [{"at": "2026-11-17T09:00:00Z", "edits": [ON]}, {"at": "2026-11-18T09:00:00Z", "edits": [CRITICAL]}]
    made, before = planned.make({"kind": "timetable", "steps": steps}), planned.shop.revision()
    planned.tend(days=30)
    flag = planned.shop.flag()
    assert (flag.on, flag.critical, planned.shop.revision()) == (True, True, before + 1)
    assert planned.state(made) == ("done", "made")


def test_a_window_opens_and_closes_by_the_clock_on_the_wall(planned: Planned) -> None:
    planned.make(NIGHT)
    seen: list[tuple[str, bool]] = []
    while (due := planned.runs[0].run()) is not None and len(seen) < 6:
        planned.tend(until=due.isoformat())
        seen.append((f"{due:%d %H:%M}", planned.shop.flag().on))
    opened, closed = ("21:00", True), ("05:00", False)
    assert [each for _, each in seen] == [True, False] * 3
    assert [day for day, _ in seen] == [f"{16 + at // 2 + at % 2} {(opened, closed)[at % 2][0]}" for at in range(6)]


@pytest.mark.parametrize(
    ("until", "is_open", "changes"),
    [("2026-12-24T23:00:00+01:00", True, 1), ("2026-12-24T12:00:00+01:00", False, 0)],
    ids=["it ends within a window", "it ends outside"],
)
def test_after_a_month_down_a_window_is_what_it_must_be_now(
    planned: Planned, until: str, is_open: bool, changes: int
) -> None:
    made, before = planned.make(NIGHT), planned.shop.revision()
    planned.tend(until=until)
    assert planned.shop.flag().on is is_open
    assert planned.shop.revision() == before + changes
    assert planned.state(made)[0] == "active"
    assert planned.tend(minutes=1) == planned.now(made).due


def test_what_was_due_too_long_ago_is_skipped_if_it_was_told_so(planned: Planned) -> None:
    late, soon = (planned.once(edit, missed="skip", grace_minutes=grace) for edit, grace in ((ON, 5), (CRITICAL, 20)))
    planned.tend(minutes=70)
    assert planned.state(late) == ("done", "skipped")
    assert planned.state(soon) == ("done", "made")
    assert (planned.shop.flag().on, planned.shop.flag().critical) == (False, True)


def test_a_week_does_each_of_its_steps_at_its_time(planned: Planned) -> None:
    steps = [{"at": "fri 16:00", "edits": [OFF]}, {"at": "mon 13:00", "edits": [ON]}]
    made = planned.make({"kind": "week", "zone": "Europe/Berlin", "steps": steps})
    planned.tend(hours=1)
    assert planned.shop.flag().on
    planned.tend(until="2026-11-20T16:00:00+01:00")
    assert not planned.shop.flag().on
    planned.tend(until="2026-12-05T00:00:00+01:00")  # Mondays and Fridays passed: what came last is what is
    assert not planned.shop.flag().on
    assert planned.now(made).due == at("2026-12-07T13:00:00+01:00")


def test_what_was_changed_since_is_named_and_not_overwritten(planned: Planned) -> None:
    made = planned.once()
    planned.shop.edit(CRITICAL, by=BERT)
    with planned.log.reading() as reading:
        (coming,) = upcoming(reading, PRODUCTION, made)
    assert "was changed by Bert" in str(coming.objection)
    planned.tend(hours=1)
    failed = planned.now(made)
    assert failed.state == "failed"
    assert failed.last is not None
    assert f"flag 'checkout' in production was changed by Bert in revision {planned.shop.revision()}" in failed.last.why
    assert not planned.shop.flag().on
    with planned.log.reading() as reading:
        (last,) = reading.latest("projects/shop", limit=1)
    assert (last.action, last.actor) == ("failSchedule", SYSTEM)
    assert [sample.value for family in planned.metrics.collect() for sample in family.samples] == [0, 0, 1, 1, 0]


def test_a_flag_that_was_archived_is_not_turned_on(planned: Planned) -> None:
    made = planned.once()
    planned.shop.flags.archive_flag("shop", "checkout", by=BERT)
    planned.tend(hours=1)
    last = planned.now(made).last
    assert last is not None
    assert "flag 'checkout' in production was archived by Bert" in last.why


def test_the_kill_switch_ends_a_window_and_a_rule_beside_it_does_not(planned: Planned) -> None:
    made = planned.make(NIGHT)
    planned.tend(until="2026-11-16T23:00:00+01:00")
    planned.shop.edit(CRITICAL, by=BERT)
    planned.tend(until="2026-11-17T06:00:00+01:00")
    assert planned.state(made) == ("active", "made")
    planned.tend(until="2026-11-17T23:00:00+01:00")
    assert planned.shop.flag().on
    planned.shop.edit(OFF, by=BERT)
    planned.tend(until="2026-11-18T06:00:00+01:00")
    assert planned.state(made) == ("failed", "failed")
    planned.tend(days=7)
    assert not planned.shop.flag().on
    planned.service.resume_schedule(PRODUCTION, made.key, by=planned.anna)
    planned.tend(until="2026-11-25T23:00:00+01:00")
    assert planned.shop.flag().on


def test_who_has_lost_the_right_makes_nothing_any_more(planned: Planned) -> None:
    ben, cleo = (planned.actor(name, "releaseManager") for name in ("Ben", "Cleo"))
    revoked, expired = planned.once(by=ben), planned.once(by=cleo, in_minutes=90)
    token = planned.tokens.revoke_token(ben.id, by=SYSTEM)
    assert token.changed
    planned.tend(hours=1)
    assert planned.state(revoked) == ("failed", "failed")
    last = planned.now(revoked).last
    assert last is not None
    assert "'Ben' is revoked or past its time" in last.why
    planned.tend(hours=1)
    assert planned.state(expired) == ("done", "made")


def test_what_its_maker_may_not_do_is_not_planned(planned: Planned) -> None:
    planned.shop.environments.describe_environment("shop", Environment(key="production", production=True), by=SYSTEM)
    developer = planned.actor("Dora", "developer")
    with pytest.raises(Forbidden, match=r"flag\.change in shop/production"):
        planned.once(by=developer)
    planned.shop.edit(ON)
    assert planned.once(OFF, by=developer).state == "active"


def test_where_approvals_are_demanded_a_request_is_the_way(planned: Planned) -> None:
    made = planned.once()
    planned.protect(approvals=1)
    with pytest.raises(Protected, match="make a change request with the time at which it is to be applied"):
        planned.once()
    planned.tend(hours=1)
    assert planned.state(made) == ("failed", "failed")


def test_a_freeze_is_said_when_it_is_planned_and_kept_when_it_is_due(planned: Planned) -> None:
    made = planned.once(in_minutes=30)
    start = planned.clock.now()
    planned.protect(freezes=(Freeze(start=start, until=start + timedelta(hours=2), reason="sale"),))
    with pytest.raises(Invalid, match=r"nothing is changed here until .*: sale") as refused:
        planned.once()
    assert paths(refused) == ["/plan/at"]
    assert planned.once(in_minutes=121).state == "active"
    planned.tend(minutes=30)
    assert planned.state(made) == ("failed", "failed")
    assert not planned.shop.flag().on


def test_a_window_goes_on_after_a_freeze_and_tells_of_it_before(planned: Planned) -> None:
    made = planned.make(NIGHT)
    planned.protect(weekly_freezes=(WeeklyFreeze(start="tue 12:00", until="wed 00:00", zone="Europe/Berlin"),))
    with planned.log.reading() as reading:
        coming = upcoming(reading, PRODUCTION, planned.now(made))
    assert [bool(each.objection) for each in coming] == [False, False, True, False, False]
    planned.tend(until="2026-11-17T22:30:00+01:00")
    assert planned.state(made) == ("active", "failed")
    planned.tend(until="2026-11-18T22:00:00+01:00")
    assert planned.shop.flag().on


def test_a_paused_schedule_does_nothing_and_goes_on_with_what_comes(planned: Planned) -> None:
    made = planned.make(NIGHT)
    planned.service.pause_schedule(PRODUCTION, made.key, by=planned.anna)
    assert planned.tend(days=1) is None
    ben = planned.actor("Ben")
    resumed = planned.item(planned.service.resume_schedule(PRODUCTION, made.key, by=ben))
    assert (resumed.by, resumed.due) == (ben, at("2026-11-17T22:00:00+01:00"))
    planned.tend(hours=11)
    assert planned.last_change().actor.name == f"Ben (schedule {made.key})"
    once = planned.once(OFF)
    planned.service.pause_schedule(PRODUCTION, once.key, by=planned.anna)
    planned.service.replace_schedule(PRODUCTION, once.key, Wanted(title="Still", plan=once.plan), by=planned.anna)
    assert planned.state(once) == ("paused", None)
    planned.tend(hours=2)
    with pytest.raises(Conflict, match="nothing of the schedule"):
        planned.service.resume_schedule(PRODUCTION, once.key, by=planned.anna)


def test_a_cancelled_schedule_is_gone_and_its_runs_are_told(planned: Planned) -> None:
    made = planned.make(NIGHT)
    planned.tend(until="2026-11-16T22:00:00+01:00")
    planned.service.cancel_schedule(PRODUCTION, made.key, by=planned.anna)
    assert planned.tend(days=1) is None
    assert planned.shop.flag().on
    with planned.log.reading() as reading:
        assert ScheduleViews().listed(reading, PRODUCTION).items == ()
        assert len(past_runs(reading, PRODUCTION, made.key, before=None, limit=10).items) == 1
        with pytest.raises(NotFound):
            schedule(reading, PRODUCTION, made.key)


def test_a_schedule_is_replaced_on_the_version_that_was_read(planned: Planned) -> None:
    made = planned.once()
    later = {"kind": "once", "at": "2026-11-16T15:00:00+01:00", "edits": [CRITICAL]}
    wanted = Wanted(title="Later", plan=read(later))
    with pytest.raises(PreconditionFailed):
        planned.service.replace_schedule(PRODUCTION, made.key, wanted, expected=made.version + 1, by=ANNA)
    planned.service.replace_schedule(PRODUCTION, made.key, wanted, expected=made.version, by=planned.anna)
    large = {"do": "putSegment", "segment": {"key": "s", "included": ["u" * 100] * 11_000}}
    with pytest.raises(Invalid) as refused:
        planned.once(large)
    assert paths(refused) == ["/plan"]
    planned.tend(hours=1)
    assert planned.state(made) == ("active", None)
    planned.tend(hours=2)
    assert (planned.shop.flag().on, planned.shop.flag().critical) == (False, True)


def test_the_schedules_of_an_environment_go_with_it(planned: Planned) -> None:
    made = planned.once()
    planned.shop.environments.delete_environment(PRODUCTION, confirm="production", by=SYSTEM)
    planned.shop.environments.create_environment("shop", Environment(key="production"), by=SYSTEM)
    with planned.log.reading() as reading, pytest.raises(NotFound):
        schedule(reading, PRODUCTION, made.key)
    assert planned.tend(hours=1) is None


def test_a_schedule_is_of_its_environment(planned: Planned) -> None:
    made = planned.once()
    with planned.log.reading() as reading, pytest.raises(NotFound):
        schedule(reading, STAGING, made.key)


def test_one_that_fails_unforeseen_does_not_keep_the_others(planned: Planned) -> None:
    planned.shop.create("other")
    plans = {title: planned.once({**ON, "flag": flag}, title=title) for title, flag in FLAGS.items()}

    def permit(_: Reading, alteration: Alteration) -> None:
        if alteration.why.startswith("Broken"):
            raise RuntimeError("a fault of ours")

    failing = ScheduleRuns(planned.log, planned.clock, planned.metrics, permit=permit)
    planned.clock.move(timedelta(hours=2))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        failing.run()
    assert planned.shop.flag("other").on
    assert {title: planned.state(made)[0] for title, made in plans.items()} == {"Broken": "active", "Whole": "done"}
    overdue = next(family for family in planned.metrics.collect() if family.name == "pennon_schedules_overdue_seconds")
    assert [sample.value for sample in overdue.samples] == [3600]


@pytest.fixture
def impossible() -> list[tuple[dict[str, Any], str]]:
    return [
        ({"kind": "once", "at": "2020-01-01T00:00:00Z", "edits": [ON]}, "/plan/at"),
        ({"kind": "once", "at": "0001-01-01T00:00:00+14:00", "edits": [ON]}, "/plan/at"),
        ({"kind": "once", "at": "9999-12-31T23:59:59-14:00", "edits": [ON]}, "/plan/at"),
        ({"kind": "once", "at": "2026-12-01T00:00:00", "edits": [ON]}, "/plan/at"),
        ({"kind": "once", "at": "2026-12-01T00:00:00Z", "edits": []}, "/plan/edits"),
        ({"kind": "once", "at": "2026-12-01T00:00:00Z", "edits": [OFF]}, "/plan"),
        ({"kind": "once", "at": "2026-12-01T00:00:00Z", "edits": [{**ON, "flag": "x"}]}, "/plan/edits/0/flag"),
        ({"kind": "timetable", "steps": []}, "/plan/steps"),
        (
            {"kind": "timetable", "steps": [{"at": f"2026-12-0{day}T00:00:00Z", "edits": [ON]} for day in (2, 1)]},
            "/plan/steps/1/at",
        ),
        ({**NIGHT, "zone": "Mars/Base"}, "/plan/zone"),
        ({**NIGHT, "days": []}, "/plan/days"),
        ({**NIGHT, "start": "24:00"}, "/plan/start"),
        ({**NIGHT, "until": "22:00"}, "/plan/until"),
        ({**NIGHT, "endEdits": [{**OFF, "flag": "x"}]}, "/plan/endEdits/0/flag"),
        ({"kind": "week", "zone": "UTC", "steps": [{"at": "friday", "edits": [ON]}]}, "/plan/steps/0/at"),
    ]


def test_what_cannot_be_is_refused_with_its_path(
    planned: Planned, impossible: list[tuple[dict[str, Any], str]]
) -> None:
    for plan, path in impossible:
        with pytest.raises(Invalid) as refused:
            planned.make(plan)
        assert path in paths(refused), plan
    with pytest.raises(Invalid) as refused:
        planned.once(title=" ", grace_minutes=-1)
    assert paths(refused) == ["/title", "/graceMinutes"]
    with planned.log.reading() as reading:
        assert ScheduleViews().listed(reading, PRODUCTION).items == ()


def test_edits_that_work_once_only_do_not_recur(planned: Planned) -> None:
    rule = {
        "id": "eu",
        "conditions": [{"attribute": "country", "op": "in", "values": ["DE"]}],
        "serve": {"variation": "on"},
    }
    add, remove = (
        {"do": "addRule", "flag": "checkout", "rule": rule},
        {"do": "removeRule", "flag": "checkout", "rule": "eu"},
    )
    with pytest.raises(Invalid) as refused:
        planned.make({**NIGHT, "edits": [add], "endEdits": [OFF]})
    assert paths(refused)[0].startswith("/plan/edits/0")
    assert planned.make({**NIGHT, "edits": [add], "endEdits": [remove]}).state == "active"


@pytest.mark.parametrize("command", ["pause_schedule", "cancel_schedule"])
def test_who_may_hold_a_schedule_is_asked_once_more_where_it_is_held(planned: Planned, command: str) -> None:
    made = planned.once(CRITICAL)
    reader, gone = planned.actor("Rita", "reader"), planned.actor("Gone", "developer")
    planned.tokens.revoke_token(gone.id, by=SYSTEM)
    for by in (reader, gone):
        with pytest.raises(Forbidden):
            getattr(planned.service, command)(PRODUCTION, made.key, by=by)
    assert planned.state(made) == ("active", None)
    getattr(planned.service, command)(PRODUCTION, made.key, by=planned.actor("Dev", "developer"))
