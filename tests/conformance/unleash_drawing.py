"""Drawn configurations of Unleash: strategies, segments, variants, parents; and contexts that meet them."""

import json
from random import Random
from typing import Any

FIELDS = ["userId", "sessionId", "remoteAddress", "region", "plan", "seats", "version", "since", "currentTime", "/odd"]
WORDS = ["DE", "FR", "Łódź", "gold", "Gold", "pro", "a b", "x@example.com", "😀"]
IDS = ["u1", "u2", "u3", "Łukasz", "日本語", "😀", "alice", "bob"]
NUMBERS = ["1", "5", "10", "100", "2.5", "-3"]
VERSIONS = ["1.0.0", "1.2.3", "2.0.0-rc.1", "2.0.0", "10.0.0"]
DATES = ["2023-06-01T00:00:00Z", "2024-01-01T00:00:00.000Z", "2024-06-01T02:00:00+02:00"]
NETWORKS = ["10.0.0.0/8", "10.1.2.3", "192.168.0.0/16", "2001:db8::/32", "bad"]
ADDRESSES = ["10.1.2.3", "10.9.9.9", "192.168.5.5", "8.8.8.8", "2001:db8::1", "bad"]
PATTERNS = ["^u\\d+$", "o", "(?i)GOLD", "^.{2,4}$", "a|b", "("]
NAMES = ["blue", "green", "red", "disabled"]


class Draw:
    """Draws from one seed; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def document(self, features: int) -> str:
        """Draw the client API's answer."""
        segments = [{"id": number, "name": f"s{number}", "constraints": self._constraints()} for number in range(1, 6)]
        found = [self._feature(f"f{index}", 0) for index in range(features // 2)]
        found += [self._feature(f"f{index}", index) for index in range(features // 2, features)]
        return json.dumps({"version": 2, "features": found, "segments": segments})

    def _feature(self, name: str, parents: int) -> dict[str, Any]:
        chance = self._chance
        feature: dict[str, Any] = {
            "name": name,
            "enabled": chance.random() < 0.9,
            "strategies": [self._strategy() for _ in range(chance.choice((0, 1, 1, 2, 3)))],
        }
        if chance.random() < 0.4:
            feature["variants"] = self._variants(overrides=True)
        if parents and chance.random() < 0.7:
            feature["dependencies"] = [self._dependency(parents) for _ in range(chance.choice((1, 1, 2)))]
        return feature

    def _dependency(self, parents: int) -> dict[str, Any]:
        chance = self._chance
        found: dict[str, Any] = {"feature": f"f{chance.randrange(parents + 1)}"}
        if chance.random() < 0.5:
            found["enabled"] = chance.random() < 0.6
        if found.get("enabled", True) and chance.random() < 0.4:
            found["variants"] = chance.sample(NAMES, 2)
        return found

    def _strategy(self) -> dict[str, Any]:
        chance = self._chance
        name = chance.choice(("default", "flexibleRollout", "flexibleRollout", "flexibleRollout", "userWithId"))
        if chance.random() < 0.2:
            name = chance.choice(("remoteAddress", "gradualRolloutUserId", "gradualRolloutSessionId", "ownStrategy"))
        strategy: dict[str, Any] = {"name": name, "parameters": self._parameters(name)}
        if chance.random() < 0.6:
            strategy["constraints"] = self._constraints()
        if chance.random() < 0.25:
            strategy["segments"] = [chance.randint(1, 5)] if chance.random() < 0.9 else [77]
        if chance.random() < 0.3:
            strategy["variants"] = self._variants(overrides=False)
        return strategy

    def _parameters(self, name: str) -> dict[str, str]:
        chance = self._chance
        share = chance.choice(("0", "25", "50", "50", "75", "100", "33.5"))
        group = chance.choice(("g", "checkout", "Gruppe ü", ""))
        if name == "flexibleRollout":
            found = {"rollout": share, "groupId": group, "stickiness": chance.choice(STICKINESS)}
            for key in ("groupId", "stickiness"):
                if chance.random() < 0.15:
                    del found[key]
            return found
        return {
            "userWithId": {"userIds": ", ".join(chance.sample(IDS, 3))},
            "remoteAddress": {"IPs": ",".join(chance.sample(NETWORKS, 2))},
        }.get(name, {"percentage": share, "groupId": group})

    def _variants(self, *, overrides: bool) -> list[dict[str, Any]]:
        chance = self._chance
        found: list[dict[str, Any]] = []
        stickiness = chance.choice(STICKINESS)
        for name in chance.sample(NAMES, chance.randint(1, 4)):
            variant: dict[str, Any] = {"name": name, "weight": chance.choice((0, 250, 333, 500, 1000))}
            if chance.random() < 0.7:
                variant["stickiness"] = stickiness
            if chance.random() < 0.5:
                variant["payload"] = chance.choice(({"type": "string", "value": chance.choice(WORDS)}, None))
            if overrides and chance.random() < 0.3:
                field = chance.choice(("userId", "region"))
                values = chance.sample(IDS if field == "userId" else WORDS, 2)
                variant["overrides"] = [{"contextName": field, "values": values}]
            found.append(variant)
        return found

    def _constraints(self) -> list[dict[str, Any]]:
        return [self._constraint() for _ in range(self._chance.choice((0, 1, 1, 2)))]

    def _constraint(self) -> dict[str, Any]:
        chance = self._chance
        kind = chance.choice(("list", "list", "text", "number", "version", "date", "pattern", "network"))
        found: dict[str, Any] = {"contextName": chance.choice(("region", "plan", "userId", "/odd"))}
        if kind == "list":
            found |= {"operator": chance.choice(("IN", "NOT_IN")), "values": chance.sample(WORDS + IDS, 3)}
        elif kind == "text":
            operator = chance.choice(("STR_CONTAINS", "STR_STARTS_WITH", "STR_ENDS_WITH"))
            found |= {"operator": operator, "values": [each[:2] for each in chance.sample(WORDS, 2)]}
        elif kind == "number":
            operator = chance.choice(("NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT", "NUM_LTE"))
            found = {"contextName": "seats", "operator": operator, "value": chance.choice(NUMBERS)}
        elif kind == "version":
            operator = chance.choice(("SEMVER_EQ", "SEMVER_GT", "SEMVER_GTE", "SEMVER_LT", "SEMVER_LTE"))
            found = {"contextName": "version", "operator": operator, "value": chance.choice(VERSIONS)}
        elif kind == "date":
            operator = chance.choice(("DATE_AFTER", "DATE_BEFORE"))
            found = {"contextName": chance.choice(("currentTime", "since")), "operator": operator}
            found["value"] = chance.choice(DATES)
        elif kind == "pattern":
            found |= {"operator": "REGEX", "value": chance.choice(PATTERNS)}
        else:
            found = {"contextName": "remoteAddress", "operator": "IN_CIDR", "values": chance.sample(NETWORKS, 2)}
        if chance.random() < 0.25:
            found["inverted"] = True
        if chance.random() < 0.25:
            found["caseInsensitive"] = True
        return found

    def context(self) -> dict[str, Any]:
        """Draw a context, of which each field may be missing, or be of another type than expected."""
        chance, found = self._chance, dict[str, Any]()
        pools: dict[str, list[Any]] = {
            "targetingKey": [*IDS, *(f"user-{chance.randrange(10**6)}" for _ in range(8)), "", 5, 12.0, True],
            "userId": [*IDS, "", 7, None],
            "sessionId": [f"s-{chance.randrange(10**6)}", "ü", "", 3, None],
            "remoteAddress": [*ADDRESSES, None],
            "region": [*WORDS, 5, True, None],
            "plan": [*WORDS, *IDS, 2.5, ["gold"]],
            "seats": [1, 5, 10, 2.5, "5", "10.0", "abc", True, None],
            "version": [*VERSIONS, "v1.2.3", "1.2", 2],
            "since": [*DATES, "2024-01-01", None],
            "currentTime": DATES,
            "/odd": [*WORDS, 1e21, {"a": 1}],
        }
        for name, pool in pools.items():
            if chance.random() < (
                0.85 if name == "targetingKey" else 0.15 if name in {"userId", "currentTime"} else 0.6
            ):
                found[name] = chance.choice(pool)
        if chance.random() < 0.1:
            found["properties"] = {chance.choice(("region", "userId", "plan")): chance.choice(WORDS)}
        return found


STICKINESS = ["default", "default", "userId", "sessionId", "region", "random"]
