"""Prerequisites: which features need which, and which of these never get an answer because they need each other."""

from collections.abc import Iterator, Mapping

from pennon.importers.growthbook.document import Feature


class Rings:
    """The features of a file that need each other, and so have cyclic prerequisites.

    `order` has all features, those that others need before them.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._features = features
        self._parents = {
            key: [each for each in _parents(feature) if each in features] for key, feature in features.items()
        }
        self._ring_of: dict[str, int] = {}
        self.order: list[str] = []
        self._find()

    def are_cyclic(self, key: str, parent: str) -> bool:
        """Tell whether *parent*, which *key* needs, needs *key* itself."""
        return self._ring_of[key] == self._ring_of.get(parent)

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

    def _find(self) -> None:
        """Find the strongly connected components (Tarjan 1972), without recursion: chains may be of any length."""
        found: dict[str, int] = {}
        lowest: dict[str, int] = {}
        waiting: list[str] = []
        for root in sorted(self._features):
            path = [] if root in found else [(root, self._visit(root, found, lowest, waiting))]
            while path:
                key, parents = path[-1]
                parent = next((each for each in parents if each not in self._ring_of), None)
                if parent is None:
                    path.pop()
                    self._close(key, found, lowest, waiting)
                    if path:
                        above = path[-1][0]
                        lowest[above] = min(lowest[above], lowest[key])
                elif parent in found:
                    lowest[key] = min(lowest[key], found[parent])
                else:
                    path.append((parent, self._visit(parent, found, lowest, waiting)))

    def _visit(self, key: str, found: dict[str, int], lowest: dict[str, int], waiting: list[str]) -> Iterator[str]:
        found[key] = lowest[key] = len(found)
        waiting.append(key)
        return iter(self._parents[key])

    def _close(self, key: str, found: dict[str, int], lowest: dict[str, int], waiting: list[str]) -> None:
        if lowest[key] != found[key]:
            return
        number = len(self.order)
        for member in waiting[waiting.index(key) :]:
            self._ring_of[member] = number
            self.order.append(member)
        del waiting[waiting.index(key) :]


def _parents(feature: Feature) -> Iterator[str]:
    for rule in feature.rules or []:
        yield from (parent.id for parent in rule.parent_conditions or [])
