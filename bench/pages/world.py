"""A grown installation: what a large company has after some years, written once, straight into a storage.

Its past is that of the last sixty days, by a clock that is moved by hand.
"""

import datetime
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pennon.control.access.credentials import NewKey, Token, secret_hash
from pennon.control.access.people import Account, Session, session_key
from pennon.control.access.permissions import Grant, Role
from pennon.control.assembly import assembled, make_administrator
from pennon.control.changes.bases import base_of
from pennon.control.changes.flag_edits import TurnOn
from pennon.control.clock import SystemClock
from pennon.control.config import Settings
from pennon.control.environments.views import Environment
from pennon.control.external_events.models import ExternalEvent
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, completed, merge
from pennon.control.lifecycle.code import Reference, Report
from pennon.control.log import INSTALLATION, SYSTEM, Actor, EnvironmentName, project_log
from pennon.control.projects.views import Project
from pennon.control.requests.models import Author, ChangeRequest, Proposal, Review
from pennon.control.schedules.models import Schedule
from pennon.control.schedules.plans import Once
from pennon.control.services import Services
from pennon.control.storage import Storage, open_storage
from pennon.control.webhooks.deliveries import Delivery, Line
from pennon.control.webhooks.service import Wish
from pennon.control.webhooks.views import webhook
from pennon.control.working.state import ARCHIVED
from pennon.events import HourlyCount
from pennon.ingest.counting import CountedBatch
from pennon.model import Condition, Flag, Layer, Prerequisite, Rule, Segment, SegmentRule, Serve, Slot, Split, Weight
from pennon.model.items import ItemModel

ACCOUNT, PASSWORD = "bench", "correct horse battery"
PROJECT = "shop"
ENVIRONMENTS = tuple(EnvironmentName(PROJECT, key) for key in ("development", "production", "staging"))
PRODUCTION = ENVIRONMENTS[1]
ROLE, WEBHOOK = "on-call", "chat"
_PAST = datetime.timedelta(days=60)
_AT_ONCE = 1000
_ANNE = Actor("account", "account-00001", "Anne")
_BOB = Actor("account", "account-00002", "Bob")


class Size(msgspec.Struct, frozen=True):
    """How much there is of everything; `changes` is the number of rows in production's log."""

    flags: int = 10_000
    archived: int = 500
    accounts: int = 10_000
    changes: int = 50_000
    segments: int = 2000
    layers: int = 200
    schedules: int = 1000
    requests: int = 500
    deliveries: int = 1000
    references: int = 10_000
    events: int = 2000
    tokens: int = 500
    sessions: int = 500


class _Past:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = SystemClock().now() - _PAST

    def now(self) -> datetime.datetime:
        """Return the time."""
        return self.at


def flag_key(number: int) -> str:
    """Return the key of a flag."""
    return f"team-{number % 50:02d}.feature-{number:05d}"


def segment_key(number: int) -> str:
    """Return the key of a segment."""
    return f"segment-{number:04d}"


def schedule_key(number: int) -> str:
    """Return the key of a schedule."""
    return f"schedule{number:04d}"


def request_key(number: int) -> str:
    """Return the key of a change request."""
    return f"request{number:04d}"


def fill(settings: Settings, size: Size) -> None:
    """Write the world into the empty database of *settings*."""
    clock = _Past()
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    storage = open_storage(settings.database, clock=clock)
    try:
        services = assembled(storage, SystemClock(), settings)
        _make_places(services)
        _make_people(services, storage, size)
        _make_items(storage, size)
        _make_past(storage, clock, size)
        services.keys.create_key([PRODUCTION], NewKey(kind="server", name="shop"), by=SYSTEM)
        _make_plans(storage, size)
        _make_rows(services, storage, size)
        make_administrator(services, ACCOUNT, PASSWORD, is_emergency=False)
        services.tokens.ensure_first_token()  # without it a server makes what a first start needs
    finally:
        storage.close()


def _make_places(services: Services) -> None:
    services.projects.create_project(Project(key=PROJECT, name="Shop"), by=SYSTEM)
    for name in ENVIRONMENTS:
        environment = Environment(key=name.environment, production=name == PRODUCTION)
        services.environments.create_environment(PROJECT, environment, by=SYSTEM)


def _put(storage: Storage, log: str, kind: str, models: Sequence[ItemModel]) -> None:
    for first in range(0, len(models), _AT_ONCE):
        with storage.log.writing(log, by=_ANNE, action="change") as writing:
            for model in models[first : first + _AT_ONCE]:
                writing.put(log, kind, model)


def _make_people(services: Services, storage: Storage, size: Size) -> None:
    services.roles.create_role(Role(key=ROLE, permissions=("read", "flag.turnOff")), by=SYSTEM)
    _put(storage, INSTALLATION, "account", [_account(number) for number in range(size.accounts)])
    _put(storage, INSTALLATION, "token", [_token(number) for number in range(size.tokens)])
    now = SystemClock().now()
    for number in range(size.sessions):
        key = session_key(f"session {number}")
        storage.doors.keep_session(Session(key, _account(number).key, now, now))


def _account(number: int) -> Account:
    grants = (Grant(role="developer"), *([Grant(role=ROLE, project=PROJECT)] if number % 100 == 0 else []))
    key = f"account-{number:05d}"
    return Account(key=key, name=f"Person number {number}", email=f"{key}@shop.example", grants=grants)


def _token(number: int) -> Token:
    return Token(key=secret_hash(str(number)), name=f"Build {number}", role="developer", project=PROJECT)


def _make_items(storage: Storage, size: Size) -> None:
    live = [_definition(number) for number in range(size.flags)]
    gone = [_definition(number, archived=True) for number in range(size.flags, size.flags + size.archived)]
    _put(storage, project_log(PROJECT), "definition", [*live, *gone])
    for name in ENVIRONMENTS:
        _put(storage, name.log, "segment", [_segment(number) for number in range(size.segments)])
        _put(storage, name.log, "layer", [_layer(number) for number in range(size.layers)])
        _put(storage, name.log, "flag", [flag_of(number, size) for number in range(size.flags)])
        _put(
            storage,
            name.log,
            ARCHIVED,
            [flag_of(number, size) for number in range(size.flags, size.flags + size.archived)],
        )


def _definition(number: int, *, archived: bool = False) -> FlagDefinition:
    return completed(
        FlagDefinition(
            key=flag_key(number),
            name=f"Feature number {number}",
            description=f"What the shop does differently since ticket {number}. " * 3,
            tags=(f"team-{number % 50}", "checkout" if number % 3 else "search"),
            owner=f"team-{number % 50}",
            expected_removal=datetime.date(2026, 1, 1) if number % 20 == 0 else None,
            archived=archived,
        )
    )


def flag_of(number: int, size: Size) -> Flag:
    """Return a flag as it was first: each third has rules, each twentieth needs another."""
    rules = [
        Rule(f"rule-{at}", (Condition("inSegment", values=(segment_key((number + at) % size.segments),)),), Serve("on"))
        for at in range(0 if number % 3 else 3)
    ]
    share = Split((Weight("on", 25_000), Weight("off", 75_000)))
    configuration = FlagConfiguration(
        on=number % 2 == 0,
        salt=f"salt-{number}",
        rules=tuple(rules),
        fallthrough=Serve(split=share) if number % 5 == 0 else Serve("on"),
        off_variation="off",
        prerequisites=(Prerequisite(flag_key(number - 1), ("on",)),) if number % 20 == 7 else (),
    )
    return merge(_definition(number), configuration)


def _segment(number: int) -> Segment:
    rule = SegmentRule((Condition("in", "country", ("DE", "FR")),), "by-country")
    return Segment(
        key=segment_key(number), included=tuple(f"customer-{number}-{at}" for at in range(50)), rules=(rule,)
    )


def _layer(number: int) -> Layer:
    slots = (Slot(0, 30_000, f"one-{number}"), Slot(30_000, 60_000, f"other-{number}"))
    return Layer(key=f"layer-{number:03d}", slots=slots)


def _make_past(storage: Storage, clock: _Past, size: Size) -> None:
    """Turn flags on and off in production until its log has as many rows as it is to have."""
    with storage.log.reading() as reading:
        head = reading.head(PRODUCTION.log)
    missing = size.changes - (0 if head is None else head.revision)
    step = (SystemClock().now() - clock.at) / max(1, missing + 1)
    on: dict[int, bool] = {}
    for turn in range(missing):
        number = turn * 7 % size.flags
        flag = flag_of(number, size)
        on[number] = not on.get(number, flag.on)
        by, action = (_ANNE, _BOB)[turn % 2], "turnOn" if on[number] else "turnOff"
        clock.at += step
        with storage.log.writing(PRODUCTION.log, by=by, action=action, why=f"ticket {turn}") as writing:
            writing.put(PRODUCTION.log, "flag", msgspec.structs.replace(flag, on=on[number]))


def _make_plans(storage: Storage, size: Size) -> None:
    with storage.log.reading() as reading:
        stored = {flag_key(number): reading.item(PRODUCTION.log, "flag", flag_key(number)) for number in range(1000)}
    texts = {key: None if item is None else item.text for key, item in stored.items()}
    _put(storage, project_log(PROJECT), "schedule", [_schedule(number, texts) for number in range(size.schedules)])
    _put(storage, project_log(PROJECT), "request", [_request(number, texts) for number in range(size.requests)])


def _schedule(number: int, texts: dict[str, bytes | None]) -> Schedule:
    """Return a schedule: of ten, nine are done."""
    now, key = SystemClock().now(), flag_key(number % len(texts))
    return Schedule(
        key=schedule_key(number),
        environment=PRODUCTION.environment,
        title=f"Release number {number}",
        plan=Once(at=now + datetime.timedelta(days=30, minutes=number), edits=(TurnOn(flag=key),)),
        by=_ANNE,
        created=now - datetime.timedelta(hours=number),
        seen=now,
        state="done" if number % 10 else "active",
        bases=(base_of("flag", key, texts[key]),),
    )


def _request(number: int, texts: dict[str, bytes | None]) -> ChangeRequest:
    """Return a request: of ten, nine are applied."""
    key, at = flag_key(number % len(texts)), int(SystemClock().now().timestamp()) - 3600 * number
    proposal = Proposal(
        environment=PRODUCTION.environment, edits=(TurnOn(flag=key),), bases=(base_of("flag", key, texts[key]),)
    )
    review = Review(by=Author.of(_BOB), verdict="approved", edition=1, at=at)
    return ChangeRequest(
        key=request_key(number),
        title=f"Change number {number}",
        author=Author.of(_ANNE),
        proposals=(proposal,),
        created_at=at,
        reviews=(review,),
        state="applied" if number % 10 else "open",
    )


def _make_rows(services: Services, storage: Storage, size: Size) -> None:
    """Write what stands beside the logs: deliveries, code references, evaluations, external events."""
    now = SystemClock().now()
    for owner in (INSTALLATION, project_log(PROJECT)):
        _make_deliveries(services, storage, owner, size, now)
    references = [Reference(flag_key(n % size.flags), f"src/shop/{n}.py", 10 + n) for n in range(size.references)]
    storage.code.replace(PROJECT, Report(repository="shop", revision="9f2c", scanned_at=now, references=references))
    for name in ENVIRONMENTS:
        for at, counts in enumerate(_evaluations(size, now)):
            storage.counts.add([CountedBatch(str(name), "k", "bench", at, int(now.timestamp() * 1000), counts)])
    for number in range(size.events):
        storage.external_events.keep(_event(number, now))


def _make_deliveries(services: Services, storage: Storage, owner: str, size: Size, now: datetime.datetime) -> None:
    # It hears of hardly anything: what it has to send is made here.
    wish = Wish(url="https://chat.example/pennon", events=("webhook.changed",))
    services.webhooks.create_webhook(owner, WEBHOOK, wish, by=SYSTEM)
    with storage.log.reading() as reading:
        line = Line(webhook(reading, owner, WEBHOOK).line, owner, WEBHOOK)
    for number in range(size.deliveries):
        storage.deliveries.add(line, _delivery(line, number, now))


def _delivery(line: Line, number: int, now: datetime.datetime) -> Delivery:
    made = Delivery.of(line, f"change {number}", "flags.changed", b"{}", now)
    state = "delivered" if number % 10 else "dead"
    return msgspec.structs.replace(made, state=state, attempts=1, status=200 if number % 10 else 500, ended=now)


def _evaluations(size: Size, now: datetime.datetime) -> Iterator[tuple[HourlyCount, ...]]:
    """Yield what was evaluated: all flags in some hours of this day, each twentieth for forty days."""
    this = int(now.timestamp()) // 3600 * 3600
    hours = [this - 3600 * back for back in range(0, 24, 4)]
    days = [this - 86_400 * back for back in range(1, 40)]
    each = max(1, math.ceil(size.flags / 20))
    for first in range(0, size.flags, each):
        numbers = range(first, min(size.flags, first + each))
        yield tuple(_counted(number, hour) for number in numbers for hour in hours)
        yield tuple(_counted(number, hour) for number in numbers[::20] for hour in days)


def _counted(number: int, hour: int) -> HourlyCount:
    return HourlyCount(flag=flag_key(number), variation="on" if number % 3 else "off", hour=hour, count=100 + number)


def _event(number: int, now: datetime.datetime) -> ExternalEvent:
    at = now - datetime.timedelta(minutes=20 * number)
    return ExternalEvent(
        id=f"deploy-{number}", project=PROJECT, kind="deploy", time=at, reported=at, service="cart", version=str(number)
    )
