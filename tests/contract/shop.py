"""A shop with two environments, and the services that change its flags."""

from itertools import count
from typing import Any

import msgspec
import pytest

from pennon.control.changes.preview import Preview
from pennon.control.changes.service import ChangeService
from pennon.control.changes.views import ChangeViews
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import Invalid
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.log import SYSTEM, Actor, ChangeLog, EnvironmentName, Outcome, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews
from pennon.model import Flag, Variation
from tests.editing import read_edits

PRODUCTION = EnvironmentName("shop", "production")
STAGING = EnvironmentName("shop", "staging")
ANNA = Actor("token", "t-anna", "Anna")
BERT = Actor("token", "t-bert", "Bert")


class Shop:
    """The services over one storage. Salts are numbered, so that two runs are alike."""

    def __init__(self, log: ChangeLog, project: str = "shop") -> None:
        self.log = log
        self.project = project
        self.production, self.staging = (EnvironmentName(project, name.environment) for name in (PRODUCTION, STAGING))
        self._numbers = count(1)
        self.flags = FlagService(log, new_salt=self.salt)
        self.flag_views = FlagViews(log)
        self.segments, self.segment_views = SegmentService(log, new_salt=self.salt), SegmentViews(log)
        self.layers, self.layer_views = LayerService(log, new_salt=self.salt), LayerViews(log)
        self.changes, self.change_views = ChangeService(log, new_salt=self.salt), ChangeViews(log)
        self.environments = EnvironmentService(log, self.first_flag)

    def salt(self) -> str:
        return f"salt{next(self._numbers)}"

    def first_flag(self, stored: Stored) -> Flag | None:
        definition = stored.read(FlagDefinition)
        return None if definition.archived else merge(definition, initial_configuration(definition, self.salt()))

    def open(self) -> None:
        ProjectService(self.log).create_project(Project(key=self.project), by=SYSTEM)
        for name in (self.production, self.staging):
            self.environments.create_environment(self.project, Environment(key=name.environment), by=SYSTEM)

    def create(self, key: str = "checkout", **fields: Any) -> Outcome:
        return self.flags.create_flag("shop", FlagDefinition(key=key, **fields), by=ANNA)

    def edit(self, *edits: dict[str, Any], on: EnvironmentName = PRODUCTION, **about: Any) -> Outcome:
        return self.changes.apply(on, read_edits(edits), **{"by": ANNA, **about})

    def preview(self, *edits: dict[str, Any], on: EnvironmentName = PRODUCTION) -> Preview:
        return self.changes.preview(on, read_edits(edits))

    def flag(self, key: str = "checkout", on: EnvironmentName = PRODUCTION) -> Flag:
        return self.flag_views.flag(on, key).read(Flag)

    def revision(self, on: EnvironmentName = PRODUCTION) -> int:
        return self.change_views.snapshot(on).revision

    def contents(self, on: EnvironmentName = PRODUCTION) -> dict[str, dict[str, bytes]]:
        """Every item's text without version, changedAt and hash."""
        snapshot = self.change_views.snapshot(on)
        found: dict[str, dict[str, bytes]] = {}
        for kind in ("flag", "segment", "layer"):
            for key, item in snapshot.items(kind).items():
                members = msgspec.json.decode(item.text)
                for name in ("version", "changedAt", "hash"):
                    members.pop(name, None)
                found.setdefault(kind, {})[key] = msgspec.json.encode(members, order="sorted")
        return found

    def definitions(self) -> list[FlagDefinition]:
        page = self.flag_views.definitions(self.project, limit=1000)
        found = (stored.read(FlagDefinition) for stored in page.items)
        return [msgspec.structs.replace(each, version=1, changed_at=0, hash="") for each in found]


def rows(shop: Shop, *logs: str) -> list[int]:
    """How many changes each log has."""
    with shop.log.reading() as reading:
        heads = [reading.head(log) for log in logs]
    return [0 if head is None else head.revision for head in heads]


def paths(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [problem.path for problem in refused.value.problems]


def colours(*keys: str) -> tuple[Variation, ...]:
    return tuple(Variation(key, key) for key in keys)
