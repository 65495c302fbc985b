"""Variants as a second flag, whose value is what `get_variant` answers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from pennon.engine.dialects.unleash import DIALECTS as READERS
from pennon.engine.dialects.unleash import javascript as js
from pennon.importers.unleash.constraints import OWNER, Conditions, checked, read_field
from pennon.importers.unleash.findings import Findings
from pennon.importers.unleash.shapes import Feature, Override, Payload, Variant
from pennon.importers.unleash.strategies import HASHES, Reading
from pennon.model import Condition, Serve, Split, Variation, Weight
from pennon.model.problems import pointer

SUFFIX = ".variant"
DISABLED = "disabled"
"""What is served while the feature is off."""
DISABLED_ON = "disabled-on"
"""What is served while the feature is on and has no variant for the context."""
_DEFAULT = "default"
_Payload: TypeAlias = Payload | UnsetType | None


class Labels:
    """Names every distinct variant of a feature: its own name, with a number where two of one name differ.

    The scripts that ask the SDKs number them in the same order: the feature's own first, then each strategy's.
    """

    def __init__(self, feature: Feature, *, is_node: bool) -> None:
        # A payload that is null is one to Node, which hands on what it was sent.
        self._is_node = is_node
        self._known: dict[tuple[str, _Payload], str] = {}
        self._names: dict[str, list[str]] = {}
        taken = {DISABLED, DISABLED_ON}
        for variant in all_variants(feature):
            key = self._key(variant)
            if key in self._known:
                continue
            label, number = variant.name, 1
            while label in taken:
                number += 1
                label = f"{variant.name} ({number})"
            taken.add(label)
            self._known[key] = label
            self._names.setdefault(variant.name, []).append(label)

    def of(self, variant: Variant) -> str:
        """Return the label of one of the feature's variants."""
        return self._known[self._key(variant)]

    def _key(self, variant: Variant) -> tuple[str, _Payload]:
        return variant.name, variant.payload if variant.payload or self._is_node else UNSET

    def named(self, name: str) -> Sequence[str]:
        """Return the labels of all variants of that name."""
        return self._names.get(name, ())

    def all(self) -> Iterable[str]:
        """Return every label."""
        return self._known.values()

    def variations(self) -> tuple[Variation, ...]:
        """Return what is served under each label."""
        found = [
            Variation(DISABLED, {"name": DISABLED, "enabled": False, "feature_enabled": False}),
            Variation(DISABLED_ON, {"name": DISABLED, "enabled": False, "feature_enabled": True}),
        ]
        for (name, payload), label in self._known.items():
            value: dict[str, Any] = {"name": name, "enabled": True, "feature_enabled": True}
            if payload is not UNSET:
                value["payload"] = None if payload is None else {"type": payload.type, "value": payload.value}
            found.append(Variation(label, value))
        return tuple(found)


def all_variants(feature: Feature) -> Iterator[Variant]:
    """Yield the variants of a feature, and then those of its strategies."""
    yield from feature.variants or ()
    for strategy in feature.strategies or ():
        yield from strategy.variants or ()


class Choice(NamedTuple):
    """One rule more: under which conditions beyond those of the strategy, what is served, and a word about it."""

    conditions: Conditions
    serve: Serve
    about: str


class Chooser:
    """Writes the choices between variants of one feature."""

    def __init__(self, feature: Feature, path: str, dialect: str, findings: Findings) -> None:
        self._feature = feature
        self._path = path
        self._dialect = dialect
        self._findings = findings
        self._is_node = dialect == "node"
        self.labels = Labels(feature, is_node=self._is_node)
        self.fails = False
        """The SDK fails where it is to choose: the weights sum to nothing."""

    def of_feature(self) -> list[Choice]:
        """Return how the feature chooses where no strategy has variants; the last choice is everybody's."""
        variants = self._feature.variants or []
        by = variants[0].stickiness if variants else None
        path = self._path + "/variants"
        found = self._choices(variants, path, self._feature.name, _DEFAULT if by is None else by)
        return found or [Choice((), Serve(variation=DISABLED_ON), "")]

    def of_strategy(self, reading: Reading) -> list[Choice]:
        """Return how a strategy chooses, nothing where the choice is the feature's."""
        variants = reading.strategy.variants or []
        if not variants:
            return []
        by, group = reading.parameter("stickiness"), reading.parameter("groupId")
        if self._is_node:
            # A missing groupId is written into the text that is hashed.
            by, group = variants[0].stickiness or by, "undefined" if group is None else group
        group = self._feature.name if group is None else group
        return self._choices(variants, reading.path + "/variants", group, _DEFAULT if by is None else by)

    def _choices(self, variants: list[Variant], path: str, group: str, by: str) -> list[Choice]:
        total = sum(variant.weight for variant in variants)
        if not variants or (self._is_node and total == 0):
            return []
        overrides = list(self._overrides(variants, path))
        if total == 0:
            message = "the weights sum to 0: the SDK fails, and answers as if the feature were off"
            self._findings.remark(path, message)
            self.fails = True
            return [*overrides, Choice((), Serve(variation=DISABLED), "")]
        weights = tuple(Weight(self.labels.of(variant), variant.weight) for variant in variants)
        self._check_stickiness(by, path, is_chosen=sum(weight.weight > 0 for weight in weights) > 1)
        split = Split(weights, by=by, salt=group, hash=HASHES[self._dialect])
        try:
            READERS[self._dialect].split(split, OWNER)
        except ValueError as error:
            self._findings.obstacle(path, str(error))
        return [*overrides, Choice((), Serve(split=split), "")]

    def _check_stickiness(self, by: str, path: str, *, is_chosen: bool) -> None:
        if not is_chosen:
            return
        if by == "random":
            self._findings.obstacle(path, "the stickiness of the variants is random: no import can repeat it")
        elif by == "currentTime":
            self._findings.obstacle(path, "the variants go by the current time: no import can repeat it")
        else:
            ids = "userId, sessionId or remoteAddress, a text," if self._is_node else "userId or sessionId"
            named = ids if by == _DEFAULT else by or "the field without a name"
            message = f"contexts carry {named}: for one without, Unleash draws lots, and here it is an error"
            self._findings.condition(path, message)
            read_field(by, path, self._findings)

    def _overrides(self, variants: list[Variant], path: str) -> Iterator[Choice]:
        for index, variant in enumerate(variants):
            for place, override in enumerate(variant.overrides or ()):
                at = path + pointer(index, "overrides", place)
                condition = self._override(override)
                if checked(condition, self._dialect, at, self._findings):
                    read_field(override.context_name, at, self._findings)
                    served = Serve(variation=self.labels.of(variant))
                    yield Choice((condition,), served, f"override of {variant.name}")

    def _override(self, override: Override) -> Condition:
        values = tuple(override.values)
        is_plain = all(value and value == value.strip(js.SPACE) for value in values)
        if values and (is_plain or not self._is_node) and not any(value.endswith("\\") for value in values):
            return Condition("in", override.context_name, values)
        document = {"contextName": override.context_name, "values": list(values)}
        return Condition("expression", value={"override": document})
