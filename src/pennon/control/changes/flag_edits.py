"""Edits of a flag's configuration apart from its rules and splits. Each is a pure function from flag to flag."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace

from pennon.control.changes.editing import EditRefused, FlagEdit, inside
from pennon.control.flags.definitions import FlagConfiguration, configured
from pennon.control.working.salts import NewSalt
from pennon.model import Exposures, Flag, Prerequisite, Serve, Staleness, Target


class TurnOn(FlagEdit, frozen=True, kw_only=True, tag="turnOn"):
    """Turn a flag on."""

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, on=True)


class TurnOff(FlagEdit, frozen=True, kw_only=True, tag="turnOff"):
    """Turn a flag off: everybody gets its off variation."""

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, on=False)


class SetFallthrough(FlagEdit, frozen=True, kw_only=True, tag="setFallthrough"):
    """Set what is served when no rule matches. A split is taken as it is; see `setWeights`."""

    serve: Serve

    says: ClassVar[Mapping[str, str]] = {"fallthrough": "serve"}

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, fallthrough=self.serve)


class SetOffVariation(FlagEdit, frozen=True, kw_only=True, tag="setOffVariation"):
    """Set what is served while the flag is off; null: the caller's default."""

    variation: str | None

    says: ClassVar[Mapping[str, str]] = {"offVariation": "variation"}

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, off_variation=self.variation)


class AddTarget(FlagEdit, frozen=True, kw_only=True, tag="addTarget"):
    """Serve a variation to contexts listed by the value of an attribute, whatever they were listed for before."""

    variation: str
    values: tuple[str, ...]
    attribute: str = "targetingKey"

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        if self.variation not in {variation.key for variation in flag.variations}:
            known = ", ".join(variation.key for variation in flag.variations)
            raise EditRefused("/variation", f"there is no variation {self.variation!r}", f"name one of: {known}")
        targets = _without(flag.targets, self.attribute, frozenset(self.values), but=self.variation)
        return replace(flag, targets=_with(targets, self))


class RemoveTarget(FlagEdit, frozen=True, kw_only=True, tag="removeTarget"):
    """List values of an attribute no longer, for any variation."""

    values: tuple[str, ...]
    attribute: str = "targetingKey"

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, targets=_without(flag.targets, self.attribute, frozenset(self.values)))


class ClearTargets(FlagEdit, frozen=True, kw_only=True, tag="clearTargets"):
    """Drop all targets: of one variation, of one attribute, or all there are."""

    variation: str | None = None
    attribute: str | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, targets=tuple(target for target in flag.targets if not self._names(target)))

    def _names(self, target: Target) -> bool:
        return self.variation in (None, target.variation) and self.attribute in (None, target.attribute)


class SetPrerequisites(FlagEdit, frozen=True, kw_only=True, tag="setPrerequisites"):
    """Set which other flags must be on, and what they must serve."""

    prerequisites: tuple[Prerequisite, ...]

    says: ClassVar[Mapping[str, str]] = {"prerequisites": "prerequisites"}

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, prerequisites=self.prerequisites)


class AddPrerequisite(FlagEdit, frozen=True, kw_only=True, tag="addPrerequisite"):
    """Add a prerequisite, in the place of the one on the same flag if there is one."""

    prerequisite: Prerequisite

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        required = self.prerequisite.flag
        if all(known.flag != required for known in flag.prerequisites):
            return replace(flag, prerequisites=(*flag.prerequisites, self.prerequisite))
        kept = (self.prerequisite if known.flag == required else known for known in flag.prerequisites)
        return replace(flag, prerequisites=tuple(kept))


class RemovePrerequisite(FlagEdit, frozen=True, kw_only=True, tag="removePrerequisite"):
    """Require a flag no longer."""

    prerequisite: str

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        kept = tuple(known for known in flag.prerequisites if known.flag != self.prerequisite)
        if len(kept) == len(flag.prerequisites):
            message = f"flag {self.prerequisite!r} is no prerequisite of {flag.key!r}"
            raise EditRefused("/prerequisite", message, "leave the edit out")
        return replace(flag, prerequisites=kept)


class SetStaleness(FlagEdit, frozen=True, kw_only=True, tag="setStaleness"):
    """Set what is served once the state is older than a bound; null: the same as ever."""

    staleness: Staleness | None

    says: ClassVar[Mapping[str, str]] = {"staleness": "staleness"}

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, staleness=self.staleness)


class SetCritical(FlagEdit, frozen=True, kw_only=True, tag="setCritical"):
    """Say whether clients must learn of a change of the flag at once."""

    critical: bool

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, critical=self.critical)


class SetExposures(FlagEdit, frozen=True, kw_only=True, tag="setExposures"):
    """Say which evaluations of the flag are recorded as exposures."""

    exposures: Exposures

    says: ClassVar[Mapping[str, str]] = {"exposures": "exposures"}

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return replace(flag, exposures=self.exposures)


class SetConfiguration(FlagEdit, frozen=True, kw_only=True, tag="setConfiguration"):
    """Replace all that the environment says of a flag. Without a salt it keeps the one it has; weights as they are."""

    configuration: FlagConfiguration

    says: ClassVar[Mapping[str, str]] = inside("configuration", FlagConfiguration)

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        return configured(flag, self.configuration)


def _without(
    targets: tuple[Target, ...], attribute: str, values: frozenset[str], *, but: str | None = None
) -> tuple[Target, ...]:
    """Return *targets* without these values of *attribute*, except where they are listed for the variation *but*."""
    kept = []
    for target in targets:
        if target.attribute != attribute or target.variation == but or values.isdisjoint(target.values):
            kept.append(target)
        elif left := tuple(value for value in target.values if value not in values):
            kept.append(replace(target, values=left))
    return tuple(kept)


def _with(targets: tuple[Target, ...], added: AddTarget) -> tuple[Target, ...]:
    """Return *targets* with the values of *added*, each once, in the first target that fits or in a new one."""
    for index, target in enumerate(targets):
        if target.attribute == added.attribute and target.variation == added.variation:
            values = tuple(dict.fromkeys((*target.values, *added.values)))
            return (*targets[:index], replace(target, values=values), *targets[index + 1 :])
    values = tuple(dict.fromkeys(added.values))
    return (*targets, Target(values, added.variation, added.attribute)) if values else targets
