"""Feature flags, experiments and guarded releases on your own machines."""

from pennon._version import __version__

# As `typing` has it, which takes longer to import than all of this. Type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pennon.sdk.async_client import AsyncClient
    from pennon.sdk.client import Client

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> object:
    # Lazily, so that a program which only needs a part of Pennon, or none today, does not load the SDK.
    if name == "Client":
        from pennon.sdk.client import Client  # noqa: PLC0415

        return Client
    if name == "AsyncClient":
        from pennon.sdk.async_client import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
