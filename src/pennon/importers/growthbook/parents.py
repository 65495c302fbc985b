"""Prerequisites: which features need which, and which of these never get an answer because they need each other."""

from collections.abc import Iterator, Mapping

from pennon.importers.growthbook.document import Feature, FeatureRule


class Rings:
    """The features of a file that need each other, and so cyclic prerequisites."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._features = features
        self._reached = {key: self._reach(key) for key in features}

    def _reach(self, key: str) -> set[str]:
        found: set[str] = set()
        waiting = [key]
        while waiting:
            for parent in _parents(self._features[waiting.pop()]):
                if parent in self._features and parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def are_cyclic(self, key: str, parent: str) -> bool:
        """Tell whether *parent*, which *key* needs, needs *key* itself."""
        return parent == key or key in self._reached.get(parent, ())

    def are_surely_cyclic(self, key: str, parent: str) -> bool:
        """Tell whether the SDK finds the ring for everybody: no rule of *parent* answers before it is asked."""
        seen = {key}
        while parent not in seen:
            seen.add(parent)
            rules = self._features[parent].rules if parent in self._features else None
            if not rules or not rules[0].parent_conditions:
                return False
            parent = rules[0].parent_conditions[0].id
        return True


def _parents(feature: Feature) -> Iterator[str]:
    rules: list[FeatureRule] = feature.rules or []
    for rule in rules:
        yield from (parent.id for parent in rule.parent_conditions or [])
