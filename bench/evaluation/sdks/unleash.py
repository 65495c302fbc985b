"""Unleash's SDK: a Rust engine behind ctypes, to which every context goes as JSON. It counts in every mode."""

from typing import Any

from UnleashClient import UnleashClient
from UnleashClient.cache import BaseCache
from UnleashClient.constants import FEATURES_URL

from bench.evaluation.sdks.base import Mode, Unable, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_OPERATORS: dict[str, dict[str, Any]] = {
    "in": {"operator": "IN"},
    "version": {"operator": "SEMVER_LT", "inverted": True},
    "ends": {"operator": "STR_ENDS_WITH"},
    "above": {"operator": "NUM_GT"},
}


class Adapter:
    """`UnleashClient` with a cache that has everything."""

    def document(self, world: World) -> bytes:
        """Return what the client API sends."""
        needed = {flag.key for flag in world.flags if flag.needed is not None}
        if any(flag.needed in needed for flag in world.flags):
            raise Unable("a parent may have no parent there: one prerequisite, no chain")
        ids = {segment.key: number for number, segment in enumerate(world.segments, 1)}
        return written(
            {
                "version": 2,
                "features": [_feature(flag, ids) for flag in world.flags],
                "segments": [_segment(segment, ids[segment.key]) for segment in world.segments],
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Hand over a cache."""
        if mode == "detail":
            raise Unable("its answer has no reason")
        options: dict[str, Any] = {
            "cache": _Cache(document),
            "disable_metrics": True,
            "disable_registration": True,
            "refresh_interval": 86_400,
        }
        if mode == "openfeature":
            return _through_openfeature(options)
        client = UnleashClient("http://127.0.0.1:9/api", "bench", **options)
        client.initialize_client(fetch_toggles=False)
        return Way("is_enabled(flag, user)", {"is_enabled": client.is_enabled}, _context, close=client.destroy)


def _through_openfeature(options: dict[str, Any]) -> Way:
    from unleash_openfeature_python_provider import UnleashFlagProvider

    from bench.evaluation.sdks.openfeature import through

    return through(UnleashFlagProvider("http://127.0.0.1:9/api", "bench", **options))


class _Cache(BaseCache):  # type: ignore[misc]
    """A cache in memory, filled from the start."""

    bootstrapped = True

    def __init__(self, document: bytes) -> None:
        self._values: dict[str, Any] = {FEATURES_URL: document.decode()}

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = value

    def mset(self, data: dict[str, Any]) -> None:
        """Keep values."""
        self._values.update(data)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        return self._values.get(key, default)

    def exists(self, key: str) -> bool:
        """Tell whether a value is there."""
        return key in self._values

    def destroy(self) -> None:
        """Forget everything."""
        self._values.clear()


def _context(user: User) -> Any:
    properties = {name: str(value) for name, value in user.items() if name != "targetingKey"}
    return {"userId": user["targetingKey"], "properties": properties}


def _feature(flag: Flag, ids: dict[str, int]) -> dict[str, Any]:
    strategies = []
    if flag.listed:
        strategies.append({"name": "userWithId", "parameters": {"userIds": ",".join(flag.listed)}})
    strategies += [_strategy(rule, flag, ids) for rule in flag.rules]
    if flag.fallthrough is not False:
        strategies.append(_rollout(flag, serve=flag.fallthrough))
    needed = [] if flag.needed is None else [{"feature": flag.needed, "enabled": True}]
    return {"name": flag.key, "type": "release", "enabled": True, "strategies": strategies, "dependencies": needed}


def _rollout(flag: Flag, *, serve: bool | None) -> dict[str, Any]:
    share = "50" if serve is None else "100"
    parameters = {"rollout": share, "stickiness": "userId", "groupId": flag.key}
    return {"name": "flexibleRollout", "parameters": parameters, "constraints": [], "segments": []}


def _strategy(rule: Rule, flag: Flag, ids: dict[str, int]) -> dict[str, Any]:
    strategy = _rollout(flag, serve=rule.serve)
    if rule.op == "segment":
        strategy["segments"] = [ids[rule.literal]]
    else:
        strategy["constraints"] = [_constraint(rule)]
    return strategy


def _constraint(rule: Rule) -> dict[str, Any]:
    values = rule.literal if rule.op == "in" else [rule.literal]
    several: dict[str, Any] = {"values": values} if rule.op in ("in", "ends") else {"value": str(rule.literal)}
    return {"contextName": rule.attribute, **_OPERATORS[rule.op], **several}


def _segment(segment: Segment, number: int) -> dict[str, Any]:
    name, values = ("userId", segment.included) if segment.included else ("plan", segment.plans)
    return {"id": number, "constraints": [{"contextName": name, "operator": "IN", "values": values}]}
