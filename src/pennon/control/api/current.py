"""The current state as a 412 shows it: in the same words as the route that reads it."""

from collections.abc import Callable, Mapping

import msgspec

from pennon.control.access.people import Account
from pennon.control.api.accounts import show_account
from pennon.control.api.flags import show_configuration, show_definition
from pennon.control.api.layers import show_layer
from pennon.control.api.projects import show_environment, show_project
from pennon.control.api.requests import show_request
from pennon.control.api.schedules import show_schedule
from pennon.control.api.segments import show_segment
from pennon.control.api.webhooks import show_webhook
from pennon.control.environments.views import Environment
from pennon.control.log import Stored
from pennon.control.projects.views import Project
from pennon.control.requests.models import ChangeRequest
from pennon.control.schedules.models import Schedule
from pennon.control.webhooks.models import Webhook

_SHOWN: Mapping[str, Callable[[Stored], bytes]] = {
    "flag": show_configuration,
    "definition": show_definition,
    "segment": show_segment,
    "layer": show_layer,
}


def current_state(state: object) -> bytes:
    """Return *state*, an item or where a log stands, as JSON; `null` where there is none."""
    if isinstance(state, Stored):
        return _SHOWN[state.kind](state)
    if isinstance(state, Project):
        return show_project(state)
    if isinstance(state, Environment):
        return show_environment(state)
    if isinstance(state, Account):
        return show_account(state)
    if isinstance(state, ChangeRequest):
        return show_request(state)
    if isinstance(state, Webhook):
        return msgspec.json.encode(show_webhook(state))
    if isinstance(state, Schedule):
        return show_schedule(state)
    return msgspec.json.encode(state)
