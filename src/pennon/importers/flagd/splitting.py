"""`fractional` as a split, where its weights are written out and the unit is an attribute, with or without a prefix."""

from collections.abc import Collection, Sequence

from pennon.bucketing.flagd import HEAVIEST
from pennon.importers.flagd.conditions import attribute_of, is_scalar, parts
from pennon.model import Json, Split, Weight
from pennon.model.limits import SAFE_INTEGER, json_problems

_FLAG_KEY = {"var": "$flagd.flagKey"}


def split_of(
    args: Sequence[Json], dialect: str, flag_key: str, variants: Collection[str], otherwise: str
) -> Split | None:
    """Return the split that a `fractional` of *args* is, None where it is none that a split can say.

    *variants* are those that it may name; *otherwise* is served where it gives nothing, and is the last weight.
    """
    unit = _unit(args[0], flag_key) if args else None
    if unit is None:
        return None
    by, salt = unit
    shares = [_share(fraction, dialect) for fraction in (args if salt is None else args[1:])]
    named = [share for share in shares if share is not None and share[0] in variants]
    total = sum(weight for _, weight in named)
    if len(named) < len(shares) or not 0 < total <= (SAFE_INTEGER if dialect == "v1" else HEAVIEST):
        return None
    # An array as the unit is a fraction to the SDK, and may name any of the variants.
    others = [name for name in variants if name not in dict(named)] if salt == "" else []
    weights = (*(Weight(*share) for share in named), *(Weight(name, 0) for name in (*others, otherwise)))
    return Split(weights, by=by, salt=salt, hash=f"flagd-{dialect}")


def _unit(logic: Json, flag_key: str) -> tuple[str, str | None] | None:
    """Return the unit's attribute, and what is put before it: None for the flag's salt, "" for nothing at all."""
    if isinstance(logic, list):
        return "targetingKey", None
    if (attribute := attribute_of(logic)) is not None:
        return None if any(json_problems(attribute)) else (attribute, "")
    name, args = parts(logic)
    attribute = attribute_of(args[-1]) if name == "cat" and len(args) > 1 else None
    if attribute is None:
        return None
    prefix = [flag_key if arg == _FLAG_KEY else arg for arg in args[:-1]]
    if not all(isinstance(part, str) for part in prefix) or not any(prefix):
        return None
    salt = "".join(prefix)
    return None if any(json_problems([attribute, salt])) else (attribute, salt)


def _share(fraction: Json, dialect: str) -> tuple[str, int] | None:
    if not isinstance(fraction, list) or not 1 <= len(fraction) <= 2 or not is_scalar(fraction[0]):
        return None
    variant, weight = fraction[0], fraction[1] if len(fraction) == 2 else 1
    if isinstance(weight, bool) or not isinstance(weight, int) or variant is None:
        return None
    if dialect == "v1":
        return (variant, weight) if isinstance(variant, str) and weight >= 0 else None
    return written(variant), max(0, weight)


def written(output: Json) -> str:
    """Return the name of the variant that a literal, other than null, names."""
    if isinstance(output, bool):
        return "true" if output else "false"
    return output if isinstance(output, str) else str(output)
