"""The demo's shop: its flags, its customers, and what its services ask."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from pennon.model import (
    Condition,
    Experiment,
    Flag,
    Json,
    Layer,
    Prerequisite,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Slot,
    Split,
    Target,
    Variation,
    Weight,
)

PROJECT = "shop"
ENVIRONMENT = "production"
ROLLED_OUT = "new-checkout"
ROLLED_OUT_RULE = "rollout"
SWITCHED = "recommendations"

_COUNTRIES = ("DE", "AT", "FR", "PL", "NL", "US")
_PLANS = ("free", "free", "free", "plus", "premium")
_VERSIONS = ("2.2.9", "2.3.0", "2.4.1", "3.0.0-beta.2", "3.0.0")

SERVICES: Mapping[str, tuple[tuple[str, Json], ...]] = {
    "storefront": (("free-shipping", False), ("banner", {}), (SWITCHED, False)),
    "search": (("search-ranking", "classic"), ("page-size", 20), (SWITCHED, False)),
    "checkout": ((ROLLED_OUT, False), ("free-shipping", False), ("payments-v2", False)),
}
"""Each service with the flags that it asks and the default that it gives."""


def flags() -> Iterator[Flag]:
    """Yield the shop's flags."""
    on_off = (Variation("on", True), Variation("off", False))
    yield Flag("payments-v2", on_off, True, Serve("on"), off_variation="off", critical=True)
    yield Flag(
        ROLLED_OUT,
        on_off,
        True,
        Serve("off"),
        off_variation="off",
        prerequisites=(Prerequisite("payments-v2", ("on",)),),
        targets=(Target(("ada", "grace"), "on"),),
        rules=(
            Rule("beta", (Condition("inSegment", values=("beta-testers",)),), Serve("on"), "Beta testers"),
            Rule(
                ROLLED_OUT_RULE,
                (Condition("versionGreaterOrEqual", "appVersion", ("2.3.0",)),),
                Serve(split=Split((Weight("on", 10_000), Weight("off", 90_000)))),
                "A share of everybody whose app can do it",
            ),
        ),
        client_side=True,
        critical=True,
    )
    yield Flag(
        "free-shipping",
        on_off,
        True,
        Serve("off"),
        off_variation="off",
        rules=(
            Rule("near", (Condition("in", "country", ("DE", "AT")),), Serve("on"), "Where our warehouse is"),
            Rule("large", (Condition("greaterOrEqual", "cartTotal", (80,)),), Serve("on"), "Large carts"),
        ),
        client_side=True,
    )
    yield Flag(
        "search-ranking",
        (Variation("classic", "classic"), Variation("semantic", "semantic")),
        True,
        Serve(
            split=Split(
                (Weight("classic", 50_000), Weight("semantic", 50_000)),
                experiment=Experiment("semantic-search", "search", "classic"),
            )
        ),
        kind="string",
        off_variation="classic",
    )
    yield Flag(
        "page-size",
        (Variation("normal", 20), Variation("large", 50)),
        True,
        Serve("normal"),
        kind="number",
        off_variation="normal",
        rules=(Rule("premium", (Condition("equals", "plan", ("premium",)),), Serve("large"), "Premium customers"),),
    )
    yield Flag(
        "banner",
        (
            Variation("none", {}),
            Variation("winter-sale", {"text": "Winter sale: up to 40 % off", "colour": "#0b6bcb"}),
        ),
        True,
        Serve("winter-sale"),
        kind="object",
        off_variation="none",
        client_side=True,
    )
    yield Flag(SWITCHED, on_off, True, Serve("on"), off_variation="off", client_side=True)


def segment() -> Segment:
    """Return the shop's beta testers."""
    return Segment(
        "beta-testers",
        included=("linus", "margaret"),
        excluded=("edsger",),
        rules=(SegmentRule((Condition("endsWith", "email", ("@shop.example",)),), "staff", "Our own people"),),
    )


def layer() -> Layer:
    """Return the layer of the experiments on search."""
    return Layer("search", slots=(Slot(0, 60_000, "semantic-search"),))


def customers(count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Return *count* customers as contexts, the same for the same *chance*."""
    named = ["ada", "grace", "linus", "margaret", "edsger"]
    return [_customer(name, chance) for name in (named + [f"customer-{number}" for number in range(count)])[:count]]


def _customer(name: str, chance: random.Random) -> dict[str, Any]:
    domain = "shop.example" if chance.random() < 0.02 else "mail.example"
    return {
        "targetingKey": name,
        "email": f"{name}@{domain}",
        "country": chance.choice(_COUNTRIES),
        "plan": chance.choice(_PLANS),
        "appVersion": chance.choice(_VERSIONS),
        "cartTotal": round(chance.uniform(5, 120), 2),
    }
