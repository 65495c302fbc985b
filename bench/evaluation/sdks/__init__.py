"""The SDKs that are measured, in the order in which their slices come: who is compared closely is close."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from bench.evaluation.sdks.base import MODES, Mode, Sdk, Unable, Way

__all__ = ["MODES", "SDKS", "Listed", "Mode", "Sdk", "Unable", "Way", "sdk"]


class Listed(NamedTuple):
    """An SDK's name for people, its distribution (None: part of this repository), and what its numbers hide."""

    title: str
    distribution: str | None
    note: str = ""


SDKS: dict[str, Listed] = {
    "floor": Listed("floor", None, "`openfeature` is the client over its null provider"),
    "pennon": Listed("Pennon", "pennon", "`Client`, counting in every mode"),
    "remembering": Listed("Pennon, buckets remembered", "pennon", "`bucket_cache=100_000`: the users come again"),
    "engine": Listed("Pennon, the bare rule set", "pennon"),
    "closures": Listed("Pennon's rules as closures", None, "what generated source was chosen over"),
    "eppo": Listed(
        "Eppo", "eppo-server-sdk", "Rust; no segments: conditions repeated; `counted`: a logger with a dict"
    ),
    "statsig": Listed("Statsig", "statsig-python-core", "Rust; `counted` drops exposures of a user seen before"),
    "growthbook": Listed("GrowthBook", "growthbook", "a client per user; `counted` is a callback, not a summary"),
    "launchdarkly": Listed(
        "LaunchDarkly", "launchdarkly-server-sdk", "`counted`: its event queue overflows, and drops"
    ),
    "flagd": Listed("flagd, in process", "openfeature-flagd-core", "its core below the OpenFeature client"),
    "posthog": Listed("PostHog", "posthog"),
    "unleash": Listed("Unleash", "UnleashClient", "Rust behind ctypes and JSON; counts in every mode"),
    "flagsmith": Listed("Flagsmith", "flagsmith", "a rule is a segment with an override"),
    "configcat": Listed("ConfigCat", "configcat-client"),
}


def sdk(name: str) -> Sdk:
    """Return an SDK. Raises `Unable` if it is not installed."""
    distribution = SDKS[name].distribution
    try:
        if distribution is not None:
            version(distribution)
        found: Sdk = importlib.import_module(f"bench.evaluation.sdks.{name}").Adapter()
    except (PackageNotFoundError, ModuleNotFoundError) as error:
        raise Unable(f"not installed ({error.name}): make bench-peers") from error
    return found
