"""What becomes of each call that names the flag: it is known, it names the flag among others, or it is left."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import libcst as cst
import msgspec
from libcst.metadata import MetadataWrapper, PositionProvider

from pennon.codemod.conventions import Conventions
from pennon.codemod.python_calls import Call
from pennon.codemod.removal.kept import MISMATCH, Constant, Kept, answered
from pennon.codemod.removal.purity import impurity, is_pure, last_name

_REMOVED_GUARDS = ("requires_flags", "require_current")


class Asked(msgspec.Struct, frozen=True):
    """The call answers *constant*."""

    constant: Constant
    is_awaited: bool


class Named(msgspec.Struct, frozen=True):
    """The call names the flag at these places among its arguments."""

    places: tuple[int, ...]


class Left(msgspec.Struct, frozen=True):
    """The call stays as it is."""

    reason: str


Site: TypeAlias = Asked | Named | Left


def find_sites(
    source: cst.Module, calls: Iterable[Call], kept: Kept, conventions: Conventions
) -> tuple[cst.Module, Mapping[int, Site]]:
    """Return *source* with nodes of its own, and what becomes of those among *calls* that name the flag."""
    wrapper = MetadataWrapper(source)
    positions = wrapper.resolve(PositionProvider)
    by_end: dict[tuple[int, int], list[Call]] = {}
    for call in calls:
        if call.key == kept.flag:
            by_end.setdefault((call.end.line, call.end.column), []).append(call)
    sites: dict[int, Site] = {}
    for node, position in positions.items():
        if isinstance(node, cst.Call):
            found = by_end.get((position.end.line, position.end.column + 1))
            if found and found[0].name.rpartition(".")[2] == last_name(node.func):
                sites[id(node)] = _site(node, found, kept, conventions)
    return wrapper.module, sites


def _site(node: cst.Call, calls: list[Call], kept: Kept, conventions: Conventions) -> Site:
    call = calls[0]
    name = last_name(node.func)
    if not call.certain:
        receiver = call.name.rpartition(".")[0]
        return Left(f"`{receiver}` is not known to be a client; if it is one, name it in `receivers`")
    if call.shape.answers is None:
        if name in _REMOVED_GUARDS or name in conventions.guards:
            return Named(tuple(each.place for each in calls))
        return Left("it says something of the flag that has to be said no more, or otherwise")
    if not call.is_plain:
        return Left(f"`{name}` does more than to ask for the flag")
    value = answered(call.shape.answers, kept.value)
    if value is MISMATCH:
        return Left(f"it asks for a {call.shape.answers}, so it answers its default whatever the flag serves")
    if (effect := _effect(node, conventions)) is not None:
        return Left(f"`{effect}` may do something; if it does not, name it in `pure`")
    constant = Constant(value, kept.variation if call.shape.details else None, _quote_of(node))
    return Asked(constant, call.shape.awaited)


def _effect(node: cst.Call, conventions: Conventions) -> str | None:
    """Return what of the receiver or the arguments may not be left out."""
    receiver = node.func.value if isinstance(node.func, cst.Attribute) else None
    if receiver is not None and not is_pure(receiver, conventions) and not conventions.is_client(last_name(receiver)):
        return impurity(receiver, conventions)
    return next(filter(None, (impurity(each.value, conventions) for each in node.args)), None)


def _quote_of(node: cst.Call) -> str:
    """Return the quote that the call itself uses, so that what replaces it reads like the rest."""
    for each in node.args:
        if isinstance(each.value, cst.SimpleString):
            return each.value.quote[0]
    return '"'
