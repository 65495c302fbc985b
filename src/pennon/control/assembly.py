"""Makes the services of a server from its storage, the chores that they need done, and what a first start brings."""

import contextlib
import secrets
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

import pennon
from pennon.control.access.accounts import AccountService
from pennon.control.access.finding import AccountFinder
from pennon.control.access.keys import KeyService
from pennon.control.access.oidc.config import provider_config
from pennon.control.access.oidc.pending import Seal
from pennon.control.access.oidc.service import ProviderSignIns
from pennon.control.access.people import Account
from pennon.control.access.permissions import Grant
from pennon.control.access.roles import RoleService
from pennon.control.access.service import TokenService
from pennon.control.access.signing_in import SignIns
from pennon.control.access.views import find_account
from pennon.control.changes.service import ChangeService
from pennon.control.changes.views import ChangeViews
from pennon.control.chores import Chore
from pennon.control.clock import SystemClock
from pennon.control.config import Settings
from pennon.control.contexts.keeping import PURPOSE, OpenBox
from pennon.control.contexts.sweeping import EVERY_S, Sweeping
from pennon.control.contexts.views import ContextViews
from pennon.control.environments.gate import Gate
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import AlreadyExists, Invalid
from pennon.control.external_events.service import EventService
from pennon.control.feed.feeds import Feeds
from pennon.control.files.service import FileService
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.schema_service import SchemaService
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.health.metrics import EVERY as HEALTH_EVERY
from pennon.control.health.metrics import HealthMetrics
from pennon.control.health.views import HealthViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.lifecycle.code import CodeService
from pennon.control.lifecycle.evidence import EvidenceReader
from pennon.control.lifecycle.stale import StaleViews
from pennon.control.lifecycle.views import LifecycleViews
from pennon.control.log import INSTALLATION, SYSTEM, Stored
from pennon.control.projects import remains
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.publishing.views import PropagationViews
from pennon.control.requests.foreseeing import turning_on as turning_on_by_requests
from pennon.control.requests.service import RequestService
from pennon.control.requests.timing import TimedRequests
from pennon.control.requests.views import RequestViews
from pennon.control.schedules.foreseeing import turning_on as turning_on_by_schedules
from pennon.control.schedules.metrics import ScheduleMetrics
from pennon.control.schedules.running import ScheduleRuns
from pennon.control.schedules.service import ScheduleService
from pennon.control.schedules.views import ScheduleViews
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews
from pennon.control.services import Services
from pennon.control.signing.sealing import SECRET_FILE, Secret
from pennon.control.signing.service import SigningService
from pennon.control.storage import Storage
from pennon.control.webhooks.addresses import networks
from pennon.control.webhooks.collecting import Collecting
from pennon.control.webhooks.delivering import Delivering
from pennon.control.webhooks.news import TOLD_KINDS
from pennon.control.webhooks.sending import Poster
from pennon.control.webhooks.service import WebhookService
from pennon.control.webhooks.telling import LOOK_EVERY_S, SWEEP_EVERY_S, Telling
from pennon.control.webhooks.vault import Vault
from pennon.control.working.salts import random_salt
from pennon.model import Flag

SCHEDULES_S = 5.0
"""What was planned on a server that died is found by another one after so long."""
FIRST_PROJECT = "default"
FIRST_ENVIRONMENTS = ("development", "production")


_EVERYTHING = Grant(role="administrator")
_SIGN_IN_SECRET = "sign-in"


class FirstStart(msgspec.Struct, frozen=True):
    """What the first start of an installation made. The token is told this once and kept nowhere."""

    administrator_token: str
    administrator: str | None
    project: str
    environments: tuple[str, ...]


def assembled(storage: Storage, clock: SystemClock, settings: Settings) -> Services:
    """Return the services of a server, over *storage*."""
    log, limits, permit = storage.log, settings.limits, Gate(clock, storage.counts).permit
    sign_ins = SignIns(log, clock, storage.doors, provider=settings.oidc_name if settings.oidc_only else None)
    contexts = ContextViews(storage.contexts, box_of(settings), clock)
    vault, allowed = Vault(storage.safe, secret_of(settings)), networks(settings.webhook_networks)
    foreseeing = (turning_on_by_schedules, turning_on_by_requests)
    changes = ChangeService(log, limits=limits, permit=permit, contexts=contexts, foreseeing=foreseeing)
    requests = RequestService(log, changes, clock, limits=limits, permit=permit)
    return Services(
        log=log,
        tokens=TokenService(log, clock, storage.last_used),
        roles=RoleService(log),
        accounts=AccountService(log, storage.doors),
        account_finder=AccountFinder(),
        sign_ins=sign_ins,
        provider_sign_ins=_provider_sign_ins(storage, clock, settings, sign_ins),
        keys=KeyService(log, clock),
        signing=SigningService(log, clock, storage.safe, secret_of(settings)),
        projects=ProjectService(log),
        environments=EnvironmentService(log, _first_flag),
        flags=FlagService(log, limits=limits, permit=permit),
        schemas=SchemaService(log, storage.counts, clock, limits=limits, permit=permit),
        flag_views=(flag_views := FlagViews(log)),
        lifecycle_views=LifecycleViews(log, flag_views),
        stale_views=StaleViews(log, clock, EvidenceReader(log, clock, flag_views, storage.counts, storage.code)),
        code=CodeService(log, clock, storage.code),
        segments=SegmentService(log, limits=limits, permit=permit),
        segment_views=SegmentViews(log),
        layers=LayerService(log, limits=limits, permit=permit),
        layer_views=LayerViews(log),
        changes=changes,
        requests=requests,
        request_views=RequestViews(log, changes, permit=permit),
        timed_requests=TimedRequests(log, clock, requests, permit=permit),
        files=FileService(log, limits=limits, permit=permit),
        schedules=ScheduleService(log, clock, limits=limits, permit=permit),
        schedule_views=ScheduleViews(),
        schedule_runs=ScheduleRuns(log, clock, ScheduleMetrics(clock), limits=limits, permit=permit),
        webhooks=WebhookService(log, clock, vault, storage.deliveries, allowed),
        telling=_telling(storage, clock, vault, Poster(allowed, agent=f"Pennon/{pennon.__version__}")),
        external_events=EventService(log, storage.external_events, clock),
        feeds=Feeds(log, storage.external_events, clock, most=settings.max_feeds),
        change_views=ChangeViews(log),
        counts=storage.counts,
        sweeping=Sweeping(storage.contexts, clock, is_on=settings.sample_contexts),
        clearing_up=remains.ClearingUp(storage.remains, clock),
        propagation=(propagation := PropagationViews(log, storage.propagation, clock)),
        health=(health := HealthViews(log, propagation, storage, clock, settings)),
        health_metrics=HealthMetrics(health, clock),
        last_used=storage.last_used.times,
    )


def _provider_sign_ins(
    storage: Storage, clock: SystemClock, settings: Settings, sign_ins: SignIns
) -> ProviderSignIns | None:
    if (config := provider_config(settings)) is None:
        return None
    secret = storage.safe.find(_SIGN_IN_SECRET) or storage.safe.keep_first(_SIGN_IN_SECRET, secrets.token_bytes(32))
    return ProviderSignIns(config, seal=Seal(secret), sign_ins=sign_ins, log=storage.log, clock=clock)


def _telling(storage: Storage, clock: SystemClock, vault: Vault, poster: Poster) -> Telling:
    log, store, events = storage.log, storage.deliveries, storage.external_events
    collecting = Collecting(log, events, store, clock)
    return Telling(collecting, Delivering(log, store, vault, poster, clock), store, events, clock)


def secret_of(settings: Settings) -> Secret:
    """Return what secrets are sealed by in the database."""
    return Secret(settings.secret_key, settings.data_folder / SECRET_FILE)


def box_of(settings: Settings) -> OpenBox:
    """Return how sampled contexts are sealed."""
    return partial(secret_of(settings).box, PURPOSE)


def _first_flag(stored: Stored) -> Flag | None:
    definition = stored.read(FlagDefinition)
    return None if definition.archived else merge(definition, initial_configuration(definition, random_salt()))


def first_start(services: Services, settings: Settings) -> FirstStart | None:
    """Make what people need to begin, if nobody ever had a token here.

    The token comes last: a start that is killed before it is made again, whatever it had made. Raises `Invalid` for
    an administrator's account or password that cannot be.
    """
    with services.log.reading() as reading:
        if reading.count(INSTALLATION, "token"):
            return None
    with contextlib.suppress(AlreadyExists):
        services.projects.create_project(Project(key=FIRST_PROJECT, name="Default"), by=SYSTEM)
    for key in FIRST_ENVIRONMENTS:
        environment = Environment(key=key, name=key.capitalize(), production=key == "production")
        with contextlib.suppress(AlreadyExists):
            services.environments.create_environment(FIRST_PROJECT, environment, by=SYSTEM)
    if settings.admin_account is not None:
        password = _first_password(settings)
        make_administrator(services, settings.admin_account, password, is_emergency=settings.oidc_only)
    secret = services.tokens.ensure_first_token()
    return None if secret is None else FirstStart(secret, settings.admin_account, FIRST_PROJECT, FIRST_ENVIRONMENTS)


def make_administrator(services: Services, key: str, password: str, *, is_emergency: bool) -> None:
    """Make the account *key* an administrator's, who comes in by *password*. Raises `Invalid`.

    With *is_emergency* it comes in even where everybody has to come by the identity provider, and everybody is told.
    """
    with services.log.reading() as reading:
        found = find_account(reading, key)
    rest = tuple(grant for grant in found.grants if grant != _EVERYTHING) if found else ()
    account = replace(found or Account(key=key), grants=(_EVERYTHING, *rest), emergency=is_emergency, disabled=False)
    if found is None:
        services.accounts.create_account(account, by=SYSTEM)
    else:
        services.accounts.change_account(account, by=SYSTEM)
    services.sign_ins.set_password(key, password)


def _first_password(settings: Settings) -> str:
    try:
        return Path(settings.admin_password_file or "").read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid.at("/admin_password_file", "cannot be read", "name a file that this server can read") from error


def chores_of(services: Services, settings: Settings) -> list[Chore]:
    """Return what a server with *settings* does by itself."""
    telling = services.telling
    return [
        Chore(name="webhooks", run=telling.run, every_s=LOOK_EVERY_S, wakes_on=TOLD_KINDS),
        Chore(name="what was told", run=telling.sweep, every_s=SWEEP_EVERY_S),
        Chore(name="schedules", run=services.schedule_runs.run, every_s=SCHEDULES_S, wakes_on=frozenset({"schedule"})),
        Chore(name="requests", run=services.timed_requests.run, every_s=SCHEDULES_S, wakes_on=frozenset({"request"})),
        Chore(name="health", run=services.health_metrics.look, every_s=HEALTH_EVERY.total_seconds()),
        Chore(name="sampled contexts", run=services.sweeping.run, every_s=EVERY_S),
        Chore(
            name="what was deleted",
            run=services.clearing_up.run,
            every_s=remains.EVERY_S,
            wakes_on=remains.WAKES_ON,
        ),
    ]
