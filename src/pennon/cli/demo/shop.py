"""The demo's shop: its flags, its customers, and what its services ask."""

import datetime
import random
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

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
_PAYMENTS, _STOREFRONT, _SEARCH = "team-payments", "team-storefront", "team-search"
_DEFINED = ("kind", "variations", "clientSide")

_COUNTRIES = ("DE", "AT", "FR", "PL", "NL", "US")
_PLANS = ("free", "free", "free", "plus", "premium")
_VERSIONS = ("2.2.9", "2.3.0", "2.4.1", "3.0.0-beta.2", "3.0.0")

SERVICES: Mapping[str, tuple[tuple[str, Json], ...]] = {
    "storefront": (("free-shipping", False), ("banner", {}), (SWITCHED, False)),
    "search": (("search-ranking", "classic"), ("page-size", 20), (SWITCHED, False)),
    "checkout": ((ROLLED_OUT, False), ("free-shipping", False), ("payments-v2", False), ("guest-checkout", False)),
}
"""Each service with the flags that it asks and the default that it gives."""


ABOUT: Mapping[str, Mapping[str, Any]] = {
    "payments-v2": {
        "name": "Payments, second version",
        "description": "Cards and invoices by the new payment service. The new checkout needs it.",
        "owner": _PAYMENTS,
        "tags": ("backend", "payments"),
    },
    ROLLED_OUT: {
        "name": "New checkout",
        "description": "The checkout on one page.",
        "owner": _PAYMENTS,
        "tags": ("checkout", "web"),
    },
    "free-shipping": {
        "name": "Free shipping",
        "description": "Who pays nothing for shipping: by country, and from a sum on.",
        "owner": _STOREFRONT,
        "tags": ("checkout", "pricing"),
        "lifetime": "permanent",
    },
    "search-ranking": {
        "name": "Ranking of search results",
        "description": "An experiment: do customers find more by meaning than by words?",
        "owner": _SEARCH,
        "tags": ("backend", "experiment"),
    },
    "page-size": {
        "name": "Results on a page",
        "description": "How many results a page of the search has.",
        "owner": _SEARCH,
        "tags": ("web",),
        "lifetime": "permanent",
    },
    "banner": {
        "name": "Banner on the home page",
        "description": "What the banner says. Marketing changes it.",
        "owner": _STOREFRONT,
        "tags": ("marketing", "web"),
        "lifetime": "permanent",
    },
    SWITCHED: {
        "name": "Recommendations",
        "description": "Others also bought. To be turned off when the service behind it is slow.",
        "owner": _SEARCH,
        "tags": ("backend", "kill-switch"),
        "lifetime": "permanent",
    },
    "summer-theme": {
        "name": "Summer theme",
        "description": "Last summer's colours.",
        "owner": _STOREFRONT,
        "tags": ("marketing", "web"),
    },
    "guest-checkout": {
        "name": "Checkout without an account",
        "description": "Everybody has had it for months: the code may lose the question.",
        "owner": _PAYMENTS,
        "tags": ("checkout",),
    },
}
"""What the shop's people have written about each flag."""

_REMOVED_AFTER_DAYS: Mapping[str, int] = {
    "payments-v2": 60,
    ROLLED_OUT: 45,
    "search-ranking": 30,
    "summer-theme": -80,
    "guest-checkout": -25,
}
"""In how many days a flag is to be gone. Of two of them that day is past, as it is in any project."""

OWNERS: Mapping[str, str] = {flag: about["owner"] for flag, about in ABOUT.items()}
CODE: tuple[tuple[str, str, int], ...] = (
    ("payments-v2", "checkout/payments.py", 31),
    (ROLLED_OUT, "checkout/views.py", 88),
    (ROLLED_OUT, "storefront/cart.py", 17),
    ("free-shipping", "checkout/shipping.py", 12),
    ("free-shipping", "storefront/cart.py", 54),
    ("search-ranking", "search/ranking.py", 23),
    ("page-size", "search/results.py", 9),
    ("banner", "storefront/home.py", 40),
    (SWITCHED, "storefront/product.py", 66),
    (SWITCHED, "search/results.py", 71),
    ("guest-checkout", "checkout/views.py", 19),
)
"""Where the shop's code names a flag: which, the file, the line."""


def definition(flag: Flag, today: datetime.date) -> dict[str, Any]:
    """Return what *flag* is in every environment, as the API takes it."""
    merged = msgspec.to_builtins(flag)
    said = {"key": flag.key, **ABOUT[flag.key]} | {name: merged[name] for name in _DEFINED if name in merged}
    if (days := _REMOVED_AFTER_DAYS.get(flag.key)) is not None:
        said["expectedRemoval"] = today + datetime.timedelta(days)
    return said


def configuration(flag: Flag) -> dict[str, Any]:
    """Return what an environment does with *flag*, as the API takes it."""
    return {name: value for name, value in msgspec.to_builtins(flag).items() if name not in ("key", *_DEFINED)}


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
    yield Flag("summer-theme", on_off, False, Serve("on"), off_variation="off", client_side=True)
    yield Flag("guest-checkout", on_off, True, Serve("on"), off_variation="off")


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
