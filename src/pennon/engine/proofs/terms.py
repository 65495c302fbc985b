"""Conditions as terms: what each asks about and what it claims of it, whichever flag or segment it stands in."""

from collections.abc import Hashable, Iterator
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

import msgspec

from pennon.engine.proofs.claims import Claim, Claims
from pennon.engine.values import pointer_steps
from pennon.model import Condition, Flag, Segment

Attribute: TypeAlias = tuple[str, ...]
"""The names that lead to a value: a name and a pointer of one step are the same."""
TARGETING_KEY: Attribute = ("targetingKey",)


class Form(Enum):
    """What kind of question a condition asks."""

    VALUE = auto()
    EXISTS = auto()
    SEGMENT = auto()
    OPAQUE = auto()


class Term(NamedTuple):
    """A condition.

    Two terms of the same `name` have the same answer. `claim` and `takes` belong to the form `VALUE`; `single` says
    that an array never satisfies it.
    """

    form: Form
    name: Hashable
    attribute: Attribute = ()
    negate: bool = False
    claim: Claim | None = None
    takes: Claim | None = None
    segments: tuple[str, ...] = ()
    single: bool = False

    def claims(self) -> tuple[Claim, Claim]:
        """Return `claim` and `takes` of a term of the form `VALUE`."""
        assert self.claim is not None
        assert self.takes is not None
        return self.claim, self.takes


class Terms:
    """Reads conditions, of items that compile, as terms."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def of(self, condition: Condition, owner: Flag | Segment) -> Term:
        """Return a condition of *owner* as a term; one that a vendor's dialect reads is opaque."""
        text = msgspec.json.encode(condition)  # not the struct: to Python, true equals 1
        if condition.op == "inSegment":
            keys = tuple(dict.fromkeys(value for value in condition.values if isinstance(value, str)))
            return Term(Form.SEGMENT, text, negate=condition.negate, segments=keys)
        if owner.compat is not None:
            return Term(Form.OPAQUE, (owner.compat, owner.key, owner.salt, type(owner), text))
        if condition.op == "exists":
            return Term(Form.EXISTS, text, _steps(condition.attribute or ""), condition.negate)
        return self._value(condition, owner, text)

    def _value(self, condition: Condition, owner: Flag | Segment, text: bytes) -> Term:
        # The bucket of a unit is that of a salt and a key, which may be those of the owner.
        name = (text, owner.salt, owner.key) if condition.op == "inBucket" else text
        claim, takes = self._claims.of(condition, owner)
        attribute = condition.by or "targetingKey" if condition.op == "inBucket" else condition.attribute or ""
        return Term(Form.VALUE, name, _steps(attribute), condition.negate, claim, takes)

    def listed(self, keys: tuple[str, ...]) -> Term:
        """Return that the targeting key, itself and not in an array, is one of *keys*."""
        claim = self._claims.listed(keys)
        return Term(Form.VALUE, ("listed", keys), TARGETING_KEY, claim=claim, takes=claim, single=True)


def _steps(attribute: str) -> Attribute:
    return pointer_steps(attribute) if attribute.startswith("/") else (attribute,)


def attribute_of(by: str) -> Attribute:
    """Return what a split's `by`, or a target's attribute, asks about."""
    return _steps(by)


def above(attribute: Attribute) -> Iterator[Attribute]:
    """Yield what an attribute lies in: where it is there, they are."""
    for length in range(1, len(attribute)):
        yield attribute[:length]
