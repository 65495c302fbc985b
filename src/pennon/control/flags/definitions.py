"""A flag's two halves: the definition, which its project owns, and the configuration, which each environment owns.

An environment stores and sends the two merged. Pure: no log, no clock, no chance.
"""

import datetime
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

import msgspec

from pennon.model import (
    Compat,
    Exposures,
    Flag,
    FlagKind,
    Json,
    Prerequisite,
    Rule,
    Serve,
    Staleness,
    Target,
    Variation,
)
from pennon.model.flags import Wire

Lifetime: TypeAlias = Literal["temporary", "permanent"]

ON, OFF = "on", "off"
BOOLEAN_VARIATIONS = (Variation(ON, True), Variation(OFF, False))
"""What a boolean flag has when nobody says otherwise."""


class OtherValues(Wire, frozen=True, kw_only=True):
    """A schema beside the one that is active, with the values that go with it by variation; others stay as they are.

    `read_by` says from which version on applications or SDKs, by the names that they report, can read them. An
    instance that was silent for `gone_after_h` hours counts no more.
    """

    schema: Json = None
    values: Mapping[str, Json] = {}
    read_by: Mapping[str, str] = {}
    gone_after_h: int = 24


class FlagDefinition(Wire, frozen=True, kw_only=True):
    """What a flag is, in every environment of its project. An item (`definition`) of the project's log.

    `value_schema` is a JSON Schema (2020-12) that the value of every variation satisfies, None for none. A
    `temporary` flag is to be removed from the code one day; `expected_removal` says when. One that is `archived` is in
    no snapshot, its key stays its own, and nothing of it is changed before it is restored. `prepared` are values that
    are to come, under another schema, and `previous` those that were before: see `flags.schema_steps`.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    kind: FlagKind = "boolean"
    variations: tuple[Variation, ...] = ()
    value_schema: Json = None
    client_side: bool = False
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    lifetime: Lifetime = "temporary"
    expected_removal: datetime.date | None = None
    archived: bool = False
    prepared: OtherValues | None = None
    previous: OtherValues | None = None


class FlagConfiguration(Wire, frozen=True, kw_only=True):
    """What one environment does with a flag.

    `salt` None leaves the flag's salt as it is (a new flag gets a random one), so that a replacement never
    reshuffles users unless it says so. `needs` and `compat` are carried through untouched.
    """

    on: bool = False
    salt: str | None = None
    targets: tuple[Target, ...] = ()
    rules: tuple[Rule, ...] = ()
    fallthrough: Serve
    off_variation: str | None = None
    prerequisites: tuple[Prerequisite, ...] = ()
    staleness: Staleness | None = None
    critical: bool = False
    exposures: Exposures = "experiments"
    needs: tuple[str, ...] = ()
    compat: Compat | None = None


DEFINED_FIELDS = ("key", "kind", "variations", "client_side")
"""The fields of a flag that come from its definition."""
CONFIGURED_FIELDS = FlagConfiguration.__struct_fields__
"""The fields of a flag that come from its configuration."""


def merge(definition: FlagDefinition, configuration: FlagConfiguration) -> Flag:
    """Return the flag that an environment with *configuration* serves."""
    configured = {name: getattr(configuration, name) for name in CONFIGURED_FIELDS if name != "salt"}
    defined = {name: getattr(definition, name) for name in DEFINED_FIELDS}
    return Flag(**defined, **configured, salt=configuration.salt or "")


def configuration_of(flag: Flag) -> FlagConfiguration:
    """Return the half of *flag* that its environment owns."""
    return FlagConfiguration(**{name: getattr(flag, name) for name in CONFIGURED_FIELDS})


def configured(flag: Flag, configuration: FlagConfiguration) -> Flag:
    """Return *flag* with the half that its environment owns replaced by *configuration*."""
    values = {name: getattr(configuration, name) for name in CONFIGURED_FIELDS}
    if configuration.salt is None:
        values["salt"] = flag.salt
    return msgspec.structs.replace(flag, **values)


def redefined(flag: Flag, definition: FlagDefinition) -> Flag:
    """Return *flag* with the half that its project owns replaced by *definition*.

    Slices of weight 0 only mark where a variation grew; those of removed variations go with them.
    """
    kept = {variation.key for variation in definition.variations}
    marked = msgspec.structs.replace(
        flag,
        rules=tuple(msgspec.structs.replace(rule, serve=_without_marks(rule.serve, kept)) for rule in flag.rules),
        fallthrough=_without_marks(flag.fallthrough, kept),
    )
    return msgspec.structs.replace(marked, **{name: getattr(definition, name) for name in DEFINED_FIELDS})


def _without_marks(serve: Serve, kept: Collection[str]) -> Serve:
    if serve.split is None or all(weight.weight or weight.variation in kept for weight in serve.split.weights):
        return serve
    weights = tuple(weight for weight in serve.split.weights if weight.weight or weight.variation in kept)
    return msgspec.structs.replace(serve, split=msgspec.structs.replace(serve.split, weights=weights))


def completed(definition: FlagDefinition) -> FlagDefinition:
    """Return *definition* with the variations on and off if it is boolean and has none."""
    if definition.variations or definition.kind != "boolean":
        return definition
    return msgspec.structs.replace(definition, variations=BOOLEAN_VARIATIONS)


def initial_configuration(definition: FlagDefinition, salt: str) -> FlagConfiguration:
    """Return the configuration of a new flag: off, and when turned on, the first variation for everybody.

    A boolean flag serves false while it is off; any other kind, its last variation. So turning a flag on is what
    makes the difference that people expect of it, whatever its kind.
    """
    variations = definition.variations
    if not variations:
        return FlagConfiguration(salt=salt, fallthrough=Serve())
    off = next((v.key for v in variations if v.value is False), variations[-1].key)
    on = next((v.key for v in variations if v.value is True), variations[0].key)
    return FlagConfiguration(salt=salt, fallthrough=Serve(variation=on), off_variation=off)
