"""Makes the services of a server from its storage, the chores that they need done, and what a first start brings."""

import contextlib

import msgspec

from pennon.control.access.accounts import AccountService
from pennon.control.access.keys import KeyService
from pennon.control.access.roles import RoleService
from pennon.control.access.service import TokenService
from pennon.control.access.signing_in import SignIns
from pennon.control.changes.service import ChangeService
from pennon.control.changes.views import ChangeViews
from pennon.control.chores import Chore
from pennon.control.clock import SystemClock
from pennon.control.config import Settings
from pennon.control.environments.gate import Gate
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import AlreadyExists
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.lifecycle.views import ArchiveViews
from pennon.control.log import INSTALLATION, SYSTEM, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.publishing.views import PropagationViews
from pennon.control.requests.service import RequestService
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews
from pennon.control.services import Services
from pennon.control.signing.sealing import SECRET_FILE, Secret
from pennon.control.signing.service import SigningService
from pennon.control.storage import Storage
from pennon.control.working.salts import random_salt
from pennon.model import Flag

FIRST_PROJECT = "default"
FIRST_ENVIRONMENTS = ("development", "production")


class FirstStart(msgspec.Struct, frozen=True):
    """What the first start of an installation made. The token is told this once and kept nowhere."""

    administrator_token: str
    project: str
    environments: tuple[str, ...]


def assembled(storage: Storage, clock: SystemClock, settings: Settings) -> Services:
    """Return the services of a server, over *storage*."""
    log, limits, permit = storage.log, settings.limits, Gate(clock).permit
    changes = ChangeService(log, limits=limits, permit=permit)
    return Services(
        log=log,
        tokens=TokenService(log, clock, storage.last_used),
        roles=RoleService(log),
        accounts=AccountService(log, storage.doors),
        sign_ins=SignIns(log, clock, storage.doors),
        keys=KeyService(log, clock),
        signing=SigningService(log, clock, storage.safe, secret_of(settings)),
        projects=ProjectService(log),
        environments=EnvironmentService(log, _first_flag),
        flags=FlagService(log, limits=limits, permit=permit),
        flag_views=FlagViews(log),
        archive_views=ArchiveViews(log, FlagViews(log)),
        segments=SegmentService(log, limits=limits, permit=permit),
        segment_views=SegmentViews(log),
        layers=LayerService(log, limits=limits, permit=permit),
        layer_views=LayerViews(log),
        changes=changes,
        requests=RequestService(log, changes, clock, limits=limits, permit=permit),
        change_views=ChangeViews(log),
        counts=storage.counts,
        propagation=PropagationViews(log, storage.propagation, clock),
        last_used=storage.last_used.times,
    )


def secret_of(settings: Settings) -> Secret:
    """Return what secrets are sealed by in the database."""
    return Secret(settings.secret_key, settings.data_folder / SECRET_FILE)


def _first_flag(stored: Stored) -> Flag | None:
    definition = stored.read(FlagDefinition)
    return None if definition.archived else merge(definition, initial_configuration(definition, random_salt()))


def first_start(services: Services) -> FirstStart | None:
    """Make what people need to begin, if nobody ever had a token here.

    The token comes last: a start that is killed before it is made again, whatever it had made.
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
    secret = services.tokens.ensure_first_token()
    return None if secret is None else FirstStart(secret, FIRST_PROJECT, FIRST_ENVIRONMENTS)


def chores_of(services: Services, settings: Settings) -> list[Chore]:
    """Return what a server with *settings* does by itself."""
    return []
