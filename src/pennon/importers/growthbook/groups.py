"""Saved groups, written out where a condition asks for them: no SDK of ours knows groups of another vendor."""

from collections.abc import Iterator, Mapping

from pennon.engine.dialects.growthbook.conditions import LOGICAL, is_operators
from pennon.importers.growthbook.operands import holds_conditions
from pennon.importers.growthbook.vendor import Impossible
from pennon.model import Json

NOBODY: Json = {"$nor": [{}]}
"""A condition that holds for nobody: what a reference that leads nowhere comes to."""
_NO_LIST: Json = None
"""The operand with which both `$in` and `$nin` hold for nobody."""
_LISTED = {"$inGroup": "$in", "$notInGroup": "$nin"}


class Groups:
    """The saved groups of a file."""

    def __init__(self, entries: Mapping[str, Json]) -> None:
        self._entries = entries
        self._used: set[str] = set()

    def unused(self) -> list[str]:
        """Return the groups that nobody asked for."""
        return sorted(self._entries.keys() - self._used)

    def values(self, key: str) -> list[Json] | None:
        """Return the list that `$inGroup` asks for: an empty one where no group is, None where it is no list."""
        self._used.add(key)
        entry = self._entries.get(key, [])
        if isinstance(entry, dict):
            return entry["values"] if entry["type"] == "list" else None
        return list(entry)

    def list_of(self, reference: Mapping[str, str]) -> tuple[str, list[Json]] | None:
        """Return the attribute and the values of the list that a `$savedGroup` names, None where it names none."""
        entry = self._entry(reference["id"])
        if entry is None or entry["type"] != "list":
            return None
        return reference.get("attributeKey", entry["attributeKey"]), entry["values"]

    def condition_of(self, key: str) -> dict[str, Json] | None:
        """Return the condition of a group, None where it has none."""
        entry = self._entry(key)
        if entry is None or entry["type"] != "condition":
            return None
        condition: dict[str, Json] = entry["condition"]
        return condition

    def _entry(self, key: str) -> Json:
        self._used.add(key)
        entry = self._entries.get(key)
        return entry if isinstance(entry, dict) else None

    def is_deep(self, key: str, most: int) -> bool:
        """Tell whether the condition of *key* leads on through more than *most* groups, or in a ring."""
        level = {key}
        for _ in range(most):
            level = {other for each in level for other in _references(self.condition_of(each))}
        return bool(level)

    def written_out(self, condition: Json, within: frozenset[str] = frozenset()) -> Json:
        """Return a condition with its groups written out. *within* are the groups that led here, which hold no more."""
        found: dict[str, Json] = {}
        also: list[Json] = []
        for key, value in condition.items():
            if key == "$savedGroup":
                also.append(self._referred(value, within))
            elif key == "$not":
                found[key] = self.written_out(value, within)
            elif key in LOGICAL:
                found[key] = [self.written_out(each, within) for each in value]
            else:
                found[key] = self._value(value, within)
        if also:
            found["$and"] = [*found.get("$and", []), *also]
        return found

    def _referred(self, reference: Mapping[str, str], within: frozenset[str]) -> Json:
        key = reference["id"]
        if (listed := self.list_of(reference)) is not None:
            attribute, values = listed
            return {attribute: {"$in": values}}
        condition = self.condition_of(key)
        if condition is None or key in within:
            return NOBODY
        return self.written_out(condition, within | {key})

    def _value(self, value: Json, within: frozenset[str]) -> Json:
        """Write out what stands beside an attribute."""
        if not is_operators(value):
            return value
        found: dict[str, Json] = {}
        for name, operand in value.items():
            new_name, new_operand = self._operator(name, operand, within)
            if new_name in found or (new_name != name and new_name in value):
                raise Impossible("", f"{name} stands beside {new_name}: split the rule's condition in two")
            found[new_name] = new_operand
        return found

    def _operator(self, name: str, operand: Json, within: frozenset[str]) -> tuple[str, Json]:
        if name in _LISTED:
            values = self.values(operand)
            return _LISTED[name], _NO_LIST if values is None else values
        if name in {"$not", "$size"}:
            return name, self._value(operand, within)
        if name == "$elemMatch":
            is_value = is_operators(operand) and not holds_conditions(operand)
            return name, self._value(operand, within) if is_value else self.written_out(operand, within)
        if name in {"$all", "$alli"} and isinstance(operand, list):
            return name, [self._value(each, within) for each in operand]
        return name, operand


def _references(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "$savedGroup" and isinstance(inner, dict):
                yield inner["id"]
            else:
                yield from _references(inner)
