"""Asks GrowthBook's own Python SDK what it answers: a JSON value a line, as `pennon.importers.peers` has it.

Runs in an environment that has the SDK, and imports nothing of Pennon.
"""

import copy
import json
import logging
import sys
from importlib.metadata import version
from typing import Any

from growthbook import GrowthBook  # type: ignore[import-not-found,unused-ignore]
from growthbook.common_types import AbstractStickyBucketService  # type: ignore[import-not-found,unused-ignore]

OFF = "off"


class Stored(AbstractStickyBucketService):  # type: ignore[misc,unused-ignore]
    """Sticky buckets as they were exported: whatever the SDK stores meanwhile is forgotten."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents = {f"{each['attributeName']}||{each['attributeValue']}": each for each in documents}

    def get_assignments(self, attributeName: str, attributeValue: str) -> dict[str, Any] | None:  # noqa: N803  # its names
        """Return the document of one user, which the SDK may change."""
        return copy.deepcopy(self.documents.get(f"{attributeName}||{attributeValue}"))

    def save_assignments(self, doc: dict[str, Any]) -> None:
        """Forget it."""


def store_of(option: str | None) -> Stored | None:
    """Return the sticky bucket service that the option asks for, None for none."""
    if option is None or option.strip() == OFF:
        return None
    given = json.loads(option)
    return Stored(given if isinstance(given, list) else list(given.values()))


def attributes_of(context: dict[str, Any]) -> dict[str, Any]:
    """Return a Pennon context as GrowthBook's attributes: its `id` is the targeting key, unless it has one."""
    attributes = dict(context)
    if attributes.get("id") is None and "targetingKey" in attributes:
        attributes["id"] = attributes["targetingKey"]
    return attributes


def answer(sdk: Any, flag: str, context: dict[str, Any]) -> dict[str, Any]:
    """Return what the SDK answers to one context."""
    try:
        sdk.set_attributes(attributes_of(context))
        sdk.refresh_sticky_buckets(force=True)
        value = sdk.eval_feature(flag).value
    except Exception as error:  # noqa: BLE001  # the boundary: whatever the SDK raises is its answer
        return {"value": None, "variation": None, "default": True, "error": repr(error)}
    return {"value": value, "variation": None, "default": value is None, "error": None}


def main() -> None:
    """Read the configuration from the first line, then answer each line."""
    logging.disable()
    try:
        greeting = json.loads(sys.stdin.readline())
        sdk = GrowthBook(sticky_bucket_service=store_of(greeting["options"].get("sticky")))
        sdk.set_payload(json.loads(greeting["document"]))
        say({"sdk": "growthbook", "version": version("growthbook")})
        for line in sys.stdin:
            request = json.loads(line)
            say({"outcomes": [answer(sdk, request["flag"], context) for context in request["contexts"]]})
    except Exception as error:  # noqa: BLE001  # the boundary: whoever asks is told
        say({"failed": repr(error)})


def say(message: dict[str, Any]) -> None:
    """Answer a line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
