"""An independent reading of the studies: which arms a browser may be given. Knows nothing of flags."""

from collections.abc import Iterable, Mapping
from typing import Any


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _admits(filters: Mapping[str, Any], browser: Mapping[str, Any]) -> bool:
    for name, attribute in (
        ("channel", "channel"),
        ("platform", "platform"),
        ("country", "country"),
        ("form_factor", "formFactor"),
    ):
        if name in filters and browser.get(attribute) not in filters[name]:
            return False
    if browser["policyRestriction"] == "CRITICAL" and filters.get("policy_restriction") != "CRITICAL":
        return False
    if browser["policyRestriction"] == "ALL":
        return False
    mine = _numbers(browser["version"])
    if lowest := filters.get("min_version"):
        wanted = _numbers(lowest.replace(".*", ""))
        if mine + [0] * (len(wanted) - len(mine)) < wanted:
            return False
    if highest := filters.get("max_version"):
        bound = _numbers(highest.replace(".*", ""))
        if (mine[: len(bound)] if highest.endswith("*") else mine) > bound:
            return False
    return True


def eligible_arms(studies: Iterable[Mapping[str, Any]], browser: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arms that *browser* may be given: those with a weight in the first of *studies* that admits it."""
    for study in studies:
        if _admits(study.get("filter", {}), browser):
            arms = [arm for arm in study["experiment"] if arm.get("probability_weight", 0) > 0]
            return [{key: value for key, value in arm.items() if key != "probability_weight"} for arm in arms]
    return []
