"""Draws flagd configurations by chance: what people write, and what nobody should. The same seed draws the same."""

import json
import random
from typing import Any

Json = Any

TEXTS = (
    "a",
    "b",
    "ab",
    "10",
    "5",
    " 5 ",
    "",
    "0",
    "1_0",
    "inf",
    "nan",
    "1e3",
    "true",
    "null",
    "True",
    "é",
    "Łukasz",
    "😀",
    "x@y.com",
    "y.com",
)
VERSIONS = (
    "1.2.3",
    "v1.2.3",
    "1.2",
    "1",
    "2.0.0-rc.1",
    "2.0.0-rc.2",
    "2.0.0-alpha",
    "2.0.0",
    "1.2.3+build",
    "1.2.3.4",
    "01.2.3",
    "junk",
    "1.2-rc.1",
    "V2",
)
NUMBERS = (0, 1, 2, 5, 10, -1, 100, 1.5, 1.0, -0.5, 0.1, 1e21, 2**53, 25.0)
SCALARS = (*TEXTS, *NUMBERS, True, False, None)
PATHS = (
    "x",
    "y",
    "n",
    "s",
    "version",
    "email",
    "list",
    "obj",
    "obj.a",
    "obj.b.c",
    "list.0",
    "list.1.a",
    "list.length",
    "s.0",
    "s.length",
    "targetingKey",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "$flagd.nothing",
    "gone",
    "gone.deeper",
    "x.",
    "/x",
    "obj.list.0",
)
COMPARISONS = ("==", "!=", "===", "!==", "<", "<=", ">", ">=")
SEMANTIC = ("=", "!=", "<", "<=", ">", ">=", "^", "~", "?")
VARIANTS: dict[str, dict[str, Json]] = {
    "string": {"a": "A", "b": "B", "c": "C", "10": "ten", "1.5": "more", "[1]": "list", "": "none"},
    "boolean": {"true": True, "false": False, "on": True, "off": False},
    "number": {"1": 1, "2": 2.5, "big": 2**53 - 1, "None": 0},
    "object": {"a": {"k": [1, None]}, "b": {}, "c": {"x": {"y": "z"}}},
}


class Drawing:
    """One source of chance."""

    def __init__(self, seed: object) -> None:
        self.chance = random.Random(f"{seed}")
        self.names: tuple[str, ...] = ("a",)
        """The variants of the flag that is being drawn."""

    def one(self, options: Any) -> Any:
        return self.chance.choice(options)

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    # Values, as contexts have them

    def value(self, deep: int = 2) -> Json:
        pick = self.chance.random()
        if deep and pick < 0.12:
            return [self.value(deep - 1) for _ in range(self.chance.randrange(4))]
        if deep and pick < 0.2:
            return {
                self.one(("a", "b", "c", "k", "aa", "é")): self.value(deep - 1) for _ in range(self.chance.randrange(3))
            }
        return self.one(VERSIONS) if pick < 0.35 else self.one(SCALARS)

    def context(self) -> dict[str, Json]:
        context = {name: self.value() for name in ("x", "y", "n", "s", "version", "email", "list") if self.often(0.7)}
        if self.often(0.5):
            context["n"] = self.one((*NUMBERS, "7", "1.5"))
        if self.often(0.5):
            context["list"] = [self.value(1) for _ in range(self.chance.randrange(4))]
        if self.often(0.5):
            context["obj"] = {"a": self.value(), "b": {"c": self.value()}, "list": [self.value()]}
        if self.often(0.9):
            context["targetingKey"] = self.one(("u1", "u2", "Łukasz", "😀", f"user-{self.chance.randrange(10**6)}"))
        if self.often(0.1):
            context["targetingKey"] = self.value(1)
        if self.often(0.05):
            context["$flagd"] = "mine"
        return context

    # Logic

    def var(self) -> Json:
        if self.often(0.1):
            return {"var": [self.one(PATHS), self.one(SCALARS)]}
        return {
            "var": self.one((*PATHS, [self.one(PATHS)]))
            if self.often(0.95)
            else self.one(("", None, [], 0, 1, True, 1.5, ["x", "y", "z"]))
        }

    def logic(self, deep: int) -> Json:
        if deep <= 0 or self.often(0.08):
            return self.var() if self.often(0.6) else self.literal()
        return self.one(
            (
                self.compared,
                self.compared,
                self.compared,
                self.ordered,
                self.joined,
                self.joined,
                self.contained,
                self.versions,
                self.affixes,
                self.arithmetic,
                self.text,
                self.over_array,
                self.negated,
                self.missing,
                self.fractional,
                self.choice,
            )
        )(deep)

    def literal(self) -> Json:
        pick = self.chance.random()
        if pick < 0.1:
            return [self.value(0) for _ in range(self.chance.randrange(3))]
        if pick < 0.14:
            return self.one(({}, {"a": 1, "b": 2}))
        return self.one((*SCALARS, *VERSIONS))

    def compared(self, deep: int) -> Json:
        pair = [self.var(), self.literal() if self.often(0.7) else self.logic(deep - 1)]
        self.chance.shuffle(pair)
        return {self.one(COMPARISONS): pair}

    def ordered(self, deep: int) -> Json:
        count = self.one((1, 2, 2, 3, 3, 4))
        return {self.one(("<", "<=", ">", ">=")): [self.one((self.var, self.literal))() for _ in range(count)]}

    def joined(self, deep: int) -> Json:
        return {self.one(("and", "or")): [self.logic(deep - 1) for _ in range(self.chance.randrange(4))]}

    def contained(self, deep: int) -> Json:
        if self.often(0.6):
            count = self.one((0, 1, 3, 12))
            return {"in": [self.var(), [self.one(SCALARS) for _ in range(count)]]}
        return {"in": [self.one((self.var, self.literal))(), self.one((self.var, self.literal))()]}

    def versions(self, deep: int) -> Json:
        args = [{"var": self.one(("version", "x"))}, self.one(SEMANTIC), self.one((*VERSIONS, *VERSIONS, 1, 1.2, None))]
        return {"sem_ver": args[: self.one((3, 3, 3, 3, 3, 2))]}

    def affixes(self, deep: int) -> Json:
        args = [self.one((self.var, self.var, self.literal))(), self.one((self.literal, self.var))()]
        return {self.one(("starts_with", "ends_with")): args[: self.one((2, 2, 2, 2, 1))]}

    def arithmetic(self, deep: int) -> Json:
        name = self.one(("+", "-", "*", "/", "%", "min", "max"))
        return {name: [self.logic(deep - 2) for _ in range(self.one((0, 1, 2, 2, 3)))]}

    def text(self, deep: int) -> Json:
        if self.often(0.6):
            return {"cat": [self.one((self.var, self.literal))() for _ in range(self.chance.randrange(4))]}
        return {
            "substr": [
                self.logic(deep - 2),
                *(self.one((0, 1, -1, 3, -2, 1.9, "1", None, "x")) for _ in range(self.chance.randrange(3))),
            ]
        }

    def over_array(self, deep: int) -> Json:
        items = self.one(
            (
                {"var": "list"},
                {"var": "obj.list"},
                [1, "a", {"var": "x"}],
                {"var": "x"},
                {"merge": [{"var": "list"}, [1, "b"]]},
            )
        )
        name = self.one(("map", "filter", "all", "some", "none", "reduce", "merge"))
        inner = self.inner(deep)
        args = [items, inner, *([self.one((0, "", [], None))] if name == "reduce" else [])]
        return {name: args[: self.one((3, 3, 3, 3, 1))]}

    def inner(self, deep: int) -> Json:
        item = {"var": self.one(("", "a", "accumulator", "current", "current.a", "b", "length"))}
        return self.one(
            (
                item,
                {self.one(COMPARISONS): [item, self.literal()]},
                {"cat": [item, self.literal(), {"var": "accumulator"}]},
                {"+": [{"var": "accumulator"}, item]},
                {"in": [item, [self.one(SCALARS) for _ in range(3)]]},
                {"merge": [item, {"var": "accumulator"}]},
                {"fractional": [item, ["a", 50], ["b", 50]]},
                {"fractional": [["a", 50], ["b", 50]]},
                {"missing": ["a", "b"]},
            )
        )

    def negated(self, deep: int) -> Json:
        return {self.one(("!", "!", "!!")): self.one(([self.logic(deep - 1)], self.logic(deep - 1)))}

    def missing(self, deep: int) -> Json:
        keys = [self.one((*PATHS, 0, None)) for _ in range(self.chance.randrange(4))]
        return self.one(({"missing": keys}, {"missing": [keys]}, {"missing_some": [self.one((0, 1, 2, "1")), keys]}))

    def fractional(self, deep: int) -> Json:
        fractions = [self.fraction() for _ in range(self.one((0, 1, 2, 2, 3, 3)))]
        by = self.one(
            (
                None,
                None,
                self.var(),
                {"var": self.one(("email", "x", "targetingKey", "list"))},
                {"cat": [{"var": "$flagd.flagKey"}, {"var": self.one(("email", "targetingKey", "x"))}]},
                {"cat": ["salt-", {"var": "$flagd.flagKey"}, {"var": "x"}]},
                {"cat": [{"var": "x"}, "suffix"]},
                self.literal(),
                {"merge": [{"var": "x"}, "a"]},
            )
        )
        return {"fractional": fractions if by is None else [by, *fractions]}

    def fraction(self) -> Json:
        odd = ("10", "true", "1", 1, 10, True, None, "gone", {"var": "x"}, 1.5)
        variant = self.one(self.names) if self.often(0.9) else self.one(odd)
        odd_weights = (0, -5, 25.0, True, "5", {"var": "n"}, {"if": [{"var": "x"}, 10, 90]}, 2**31)
        weight = self.one((1, 10, 25, 50, 33, 7)) if self.often(0.85) else self.one(odd_weights)
        return self.one(([variant], [variant], "a", [variant, weight, 1])) if self.often(0.05) else [variant, weight]

    def choice(self, deep: int) -> Json:
        args = [
            self.logic(deep - 1) if index % 2 == 0 else self.output(deep - 1)
            for index in range(self.one((1, 2, 2, 3, 3, 4, 5)))
        ]
        if len(args) % 2:
            args[-1] = self.output(deep - 1)
        return {self.one(("if", "if", "if", "?:")): args}

    def output(self, deep: int) -> Json:
        pick = self.chance.random()
        if pick < 0.5 or deep <= 0:
            odd = ("true", True, False, None, "gone", 1, 2, 1.5, "")
            return self.one(self.names) if self.often(0.9) else self.one(odd)
        if pick < 0.75:
            return self.fractional(deep)
        return self.choice(deep) if pick < 0.9 else self.logic(deep)

    # Flags

    def targeting(self) -> Json:
        pick = self.chance.random()
        if pick < 0.05:
            return self.one((None, {}))
        found = self.choice(4) if pick < 0.75 else self.fractional(3) if pick < 0.9 else self.logic(3)
        return found if isinstance(found, dict) else {"if": [found]}

    def flag(self) -> dict[str, Json]:
        variants = VARIANTS[self.one(("string", "string", "boolean", "number", "object"))]
        names = [name for name in variants if name and self.often(0.9)] or [next(iter(variants))]
        self.names = tuple(names)
        flag: dict[str, Json] = {
            "state": "ENABLED" if self.often(0.95) else "DISABLED",
            "variants": {name: variants[name] for name in names},
            "targeting": self.targeting(),
        }
        if self.often(0.05):
            flag["variants"]["nothing"] = None
        if self.often(0.9):
            flag["defaultVariant"] = self.one((*names, *names, *names, "nowhere", "", None, True, False))
        if self.often(0.02):
            flag["defaultVariant"] = "nothing"
        if flag["targeting"] is None and self.often(0.5):
            del flag["targeting"]
        return flag

    def plain_logic(self) -> Json:
        """Return logic that JSON writes without a backslash, which SDKs in Python spoil in evaluators."""
        while "\\" in json.dumps(found := self.logic(2)):
            pass
        return found

    def document(self, flags: int) -> dict[str, Json]:
        keys = [f"flag-{number}" if number % 7 else f"Fläg {number} 😀" for number in range(flags)]
        document: dict[str, Json] = {"flags": {key: self.flag() for key in keys}}
        if self.often(0.5):
            document["$evaluators"] = {
                "other one": {"and": [{"$ref": "shared"}, self.plain_logic()]},
                "shared": self.plain_logic(),
            }
            for flag in document["flags"].values():
                if self.often(0.3):
                    flag["targeting"] = {
                        "if": [
                            {"$ref": self.one(("shared", "other one", "shared", "gone"))},
                            next(iter(flag["variants"])),
                            flag.get("targeting"),
                        ]
                    }
        return document
