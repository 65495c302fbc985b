"""LaunchDarkly's SDK, its store filled as its polling fills it.

Not by its file data source: that reads JSON by PyYAML wherever PyYAML is installed, 80 seconds for 10,000 flags.
"""

import json
from typing import Any

from ldclient import Config, Context, LDClient
from ldclient.feature_store import InMemoryFeatureStore
from ldclient.impl.events.event_processor import DefaultEventProcessor
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

from bench.evaluation.sdks.base import Mode, Way, written
from bench.evaluation.worlds import Flag, Rule, Segment, User, World

_ON, _OFF = 0, 1
_OPERATORS = {
    "in": ("in", False),
    "version": ("semVerLessThan", True),
    "ends": ("endsWith", False),
    "above": ("greaterThan", False),
    "segment": ("segmentMatch", False),
}


class Adapter:
    """`LDClient` over a store."""

    def document(self, world: World) -> bytes:
        """Return what the polling endpoint sends."""
        return written(
            {
                "flags": {flag.key: _flag(flag) for flag in world.flags},
                "segments": {segment.key: _segment(segment) for segment in world.segments},
            }
        )

    def open(self, document: bytes, mode: Mode) -> Way:
        """Fill a store; `counted` has the event processor that there is by default, and nothing behind it."""
        data, store = json.loads(document), InMemoryFeatureStore()
        store.init({FEATURES: data["flags"], SEGMENTS: data["segments"]})
        is_counted = mode in ("counted", "openfeature")
        config = Config(
            "sdk-key",
            feature_store=store,
            use_ldd=True,
            send_events=is_counted,
            event_processor_class=_processor if is_counted else None,
            diagnostic_opt_out=True,
        )
        if mode == "openfeature":
            from ld_openfeature import LaunchDarklyProvider

            from bench.evaluation.sdks.openfeature import through

            return through(LaunchDarklyProvider(config))
        client = LDClient(config)
        if mode == "detail":
            names = {"variation_detail": client.variation_detail}
            return Way("variation_detail(flag, user, False)", names, _context, _value, close=client.close)
        return Way("variation(flag, user, False)", {"variation": client.variation}, _context, close=client.close)


class _Nowhere:
    """An HTTP client that takes everything."""

    class _Accepted:
        status = 202

        def getheader(self, _name: str) -> None:
            """Return no header."""

    def request(self, *_arguments: object, **_options: object) -> "_Nowhere._Accepted":
        """Accept."""
        return self._Accepted()

    def clear(self) -> None:
        """Do nothing: there is no connection."""


def _processor(config: Any, *_more: Any) -> Any:
    return DefaultEventProcessor(config, http=_Nowhere())


def _context(user: User) -> Any:
    builder = Context.builder(user["targetingKey"])
    for name, value in user.items():
        if name != "targetingKey":
            builder.set(name, value)
    return builder.build()


def _value(detail: Any) -> object:
    return detail.value


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "key": flag.key,
        "version": 3,
        "on": True,
        "salt": f"k3v{flag.number:05}",
        "variations": [True, False],
        "offVariation": _OFF,
        "prerequisites": [] if flag.needed is None else [{"key": flag.needed, "variation": _ON}],
        "targets": [{"values": flag.listed, "variation": _ON}] if flag.listed else [],
        "rules": [
            {"id": f"r{number}", "clauses": [_clause(rule)], **_serve(rule.serve)}
            for number, rule in enumerate(flag.rules)
        ],
        "fallthrough": _serve(flag.fallthrough),
    }


def _clause(rule: Rule) -> dict[str, Any]:
    op, negate = _OPERATORS[rule.op]
    values = list(rule.literal) if rule.op == "in" else [rule.literal]
    return {"attribute": rule.attribute, "op": op, "values": values, "negate": negate}


def _serve(value: bool | None) -> dict[str, Any]:
    if value is None:
        halves = [{"variation": _ON, "weight": 50_000}, {"variation": _OFF, "weight": 50_000}]
        return {"rollout": {"variations": halves}}
    return {"variation": _ON if value else _OFF}


def _segment(segment: Segment) -> dict[str, Any]:
    clause = {"attribute": "plan", "op": "in", "values": segment.plans, "negate": False}
    return {
        "key": segment.key,
        "version": 1,
        "salt": "m2",
        "included": segment.included,
        "excluded": [],
        "rules": [{"id": "r", "clauses": [clause]}] if segment.plans else [],
    }
