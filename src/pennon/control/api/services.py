"""The services that routes call, under the names by which routes ask for them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar.di import Provide
from litestar.params import Dependency

from pennon.control.access.keys import KeyService
from pennon.control.access.service import TokenService
from pennon.control.environments.service import EnvironmentService
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.log import ChangeLog
from pennon.control.projects.service import ProjectService
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews

Log: TypeAlias = Annotated[ChangeLog, Dependency(skip_validation=True)]
"""The change log, for routes that read: a port, which Litestar could not check."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. The name of a field is the name of the parameter of a route that wants it."""

    log: ChangeLog
    token_service: TokenService
    key_service: KeyService
    project_service: ProjectService
    environment_service: EnvironmentService
    flags: FlagService
    flag_views: FlagViews
    segments: SegmentService
    segment_views: SegmentViews
    layers: LayerService
    layer_views: LayerViews
    last_used: Callable[[Iterable[str]], Mapping[str, datetime]]

    def dependencies(self) -> Mapping[str, Provide]:
        """Return them as Litestar gives them to routes."""
        return {name: _given(getattr(self, name)) for name in self.__struct_fields__}


def _given(service: Any) -> Provide:
    return Provide(lambda: service, sync_to_thread=False)
