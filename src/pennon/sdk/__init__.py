"""The SDK: a client that follows an environment and evaluates its flags in the process, without a network hop."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pennon.sdk.async_client import AsyncClient
    from pennon.sdk.client import Client
    from pennon.sdk.config import Options
    from pennon.sdk.errors import InvalidConfiguration, SdkError
    from pennon.sdk.flags import Flags, PinnedRules
    from pennon.sdk.ladder import Level
    from pennon.sdk.status import Change, Status

__all__ = [
    "AsyncClient",
    "Change",
    "Client",
    "Flags",
    "InvalidConfiguration",
    "Level",
    "Options",
    "PinnedRules",
    "SdkError",
    "Status",
]

_MODULES = {
    "AsyncClient": "async_client",
    "Change": "status",
    "Client": "client",
    "Flags": "flags",
    "InvalidConfiguration": "errors",
    "Level": "ladder",
    "Options": "config",
    "PinnedRules": "flags",
    "SdkError": "errors",
    "Status": "status",
}


def __getattr__(name: str) -> Any:
    # Its parts are wanted one by one: the edge takes the upstream without the clients, a web page the scope alone.
    if (module := _MODULES.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # only who asks pays

    return getattr(import_module(f"{__name__}.{module}"), name)
