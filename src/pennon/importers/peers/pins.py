"""Which release of which SDK stands for a dialect: exact versions, so that a proof can be made again."""

import hashlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Runtime: TypeAlias = Literal["python", "node"]


class Pin(NamedTuple):
    """The packages that a vendor's script needs, each with its exact version, and what runs them."""

    runtime: Runtime
    packages: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Return the name of the folder that they are installed in; other packages or another Python, another one."""
        by = f"python{sys.version_info.major}.{sys.version_info.minor}" if self.runtime == "python" else "node"
        return f"{by}-{hashlib.sha256(' '.join(self.packages).encode()).hexdigest()[:16]}"


def python(*requirements: str) -> Pin:
    """Pin packages of PyPI, as in `"launchdarkly-server-sdk==9.18.2"`. The script is `<vendor>.py`."""
    return Pin("python", requirements)


def node(*packages: str) -> Pin:
    """Pin packages of npm, as in `"unleash-client@6.12.1"`. The script is `<vendor>.mjs`."""
    return Pin("node", packages)


_LAUNCHDARKLY: Mapping[tuple[str, str], Pin] = {
    ("launchdarkly", "python"): python("launchdarkly-server-sdk==9.18.2"),
    ("launchdarkly", "node"): node("@launchdarkly/node-server-sdk@9.13.7"),
}
_UNLEASH: Mapping[tuple[str, str], Pin] = {
    ("unleash", "python"): python("UnleashClient==6.9.1", "yggdrasil-engine==2.0.0"),
    ("unleash", "node"): node("unleash-client@6.12.1"),
}
_GROWTHBOOK: Mapping[tuple[str, str], Pin] = {
    ("growthbook", "javascript"): node("@growthbook/growthbook@1.8.0"),
    ("growthbook", "python"): python("growthbook==4.0.0"),
}
_FLAGD: Mapping[tuple[str, str], Pin] = {
    ("flagd", "v1"): python("openfeature-provider-flagd==0.3.0", "semver==3.1.1", "pyyaml==6.0.3"),
    ("flagd", "v2"): python("openfeature-flagd-core==1.0.0", "semver==3.1.1", "pyyaml==6.0.3"),
    ("flagd", "v3"): python("openfeature-flagd-core==2.0.0", "semver==3.1.1", "pyyaml==6.0.3"),
}

PINS: Mapping[tuple[str, str], Pin] = MappingProxyType({**_LAUNCHDARKLY, **_UNLEASH, **_GROWTHBOOK, **_FLAGD})
"""The SDK of each (vendor, dialect) that has one here."""
