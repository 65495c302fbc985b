"""The services that routes and pages call."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from pennon.control.access.accounts import AccountService
from pennon.control.access.finding import AccountFinder
from pennon.control.access.keys import KeyService
from pennon.control.access.oidc.service import ProviderSignIns
from pennon.control.access.roles import RoleService
from pennon.control.access.service import TokenService
from pennon.control.access.signing_in import SignIns
from pennon.control.changes.service import ChangeService
from pennon.control.changes.views import ChangeViews
from pennon.control.contexts.sweeping import Sweeping
from pennon.control.environments.service import EnvironmentService
from pennon.control.external_events.service import EventService
from pennon.control.feed.feeds import Feeds
from pennon.control.files.service import FileService
from pennon.control.flags.schema_service import SchemaService
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.health.metrics import HealthMetrics
from pennon.control.health.views import HealthViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.lifecycle.code import CodeService
from pennon.control.lifecycle.counts import EvaluationCounts
from pennon.control.lifecycle.stale import StaleViews
from pennon.control.lifecycle.views import LifecycleViews
from pennon.control.log import ChangeLog
from pennon.control.projects.remains import ClearingUp
from pennon.control.projects.service import ProjectService
from pennon.control.publishing.views import PropagationViews
from pennon.control.requests.service import RequestService
from pennon.control.requests.timing import TimedRequests
from pennon.control.requests.views import RequestViews
from pennon.control.schedules.running import ScheduleRuns
from pennon.control.schedules.service import ScheduleService
from pennon.control.schedules.views import ScheduleViews
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews
from pennon.control.signing.service import SigningService
from pennon.control.webhooks.service import WebhookService
from pennon.control.webhooks.telling import Telling


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, made by the composition root. `last_used` tells when tokens, by their hashes, were used last."""

    log: ChangeLog
    tokens: TokenService
    roles: RoleService
    accounts: AccountService
    account_finder: AccountFinder
    sign_ins: SignIns
    provider_sign_ins: ProviderSignIns | None
    keys: KeyService
    signing: SigningService
    projects: ProjectService
    environments: EnvironmentService
    flags: FlagService
    schemas: SchemaService
    flag_views: FlagViews
    lifecycle_views: LifecycleViews
    stale_views: StaleViews
    code: CodeService
    segments: SegmentService
    segment_views: SegmentViews
    layers: LayerService
    layer_views: LayerViews
    changes: ChangeService
    change_views: ChangeViews
    requests: RequestService
    request_views: RequestViews
    timed_requests: TimedRequests
    webhooks: WebhookService
    telling: Telling
    external_events: EventService
    feeds: Feeds
    files: FileService
    schedules: ScheduleService
    schedule_views: ScheduleViews
    schedule_runs: ScheduleRuns
    counts: EvaluationCounts
    sweeping: Sweeping
    clearing_up: ClearingUp
    propagation: PropagationViews
    health: HealthViews
    health_metrics: HealthMetrics
    last_used: Callable[[Iterable[str]], Mapping[str, datetime]]
