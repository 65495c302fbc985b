"""Edits of percentages. Each is a pure function from flag to flag.

A changed percentage moves only the users that it must (see `pennon.model.allocation`); a new salt moves everybody,
and is therefore an edit of its own.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from pennon.control.changes.editing import EditRefused, FlagEdit
from pennon.control.changes.rule_edits import rule_of, with_rule
from pennon.control.working.salts import NewSalt
from pennon.model import WEIGHT_TOTAL, Experiment, Flag, Serve, Split, Weight, pointer
from pennon.model.allocation import reallocate

OWN_HASH = "sha256"
_REPLACE = "replace the whole split with setFallthrough or setRuleServe"


class SetWeights(FlagEdit, frozen=True, kw_only=True, tag="setWeights"):
    """Set the share of each variation in a rule, or with `rule` null in the fallthrough.

    `weights` are out of 100000 and sum to it; a variation that is left out gets none. What served one variation to
    everybody becomes a split, in which those who stay keep what they have.
    """

    weights: Mapping[str, int]
    rule: str | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        serve = _serve_of(flag, self.rule)
        split = replace(_own_split(serve), weights=_reallocated(flag, serve, self.weights))
        return _with_serve(flag, self.rule, Serve(split=split))


class SetSplit(FlagEdit, frozen=True, kw_only=True, tag="setSplit"):
    """Split a rule, or with `rule` null the fallthrough, by a unit and perhaps for an experiment.

    As `setWeights`; a split that is there keeps its salt.
    """

    weights: Mapping[str, int]
    rule: str | None = None
    by: str = "targetingKey"
    experiment: Experiment | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        serve = _serve_of(flag, self.rule)
        weights = _reallocated(flag, serve, self.weights)
        split = replace(_own_split(serve), weights=weights, by=self.by, experiment=self.experiment)
        return _with_serve(flag, self.rule, Serve(split=split))


class NewSaltForSplit(FlagEdit, frozen=True, kw_only=True, tag="newSalt"):
    """Reshuffle users: give the flag another salt, or the split of a rule or of the fallthrough one of its own.

    A `salt` of null is chosen at random. The flag's salt is for all its splits that have none of their own.
    """

    rule: str | None = None
    fallthrough: bool = False
    salt: str | None = None

    def apply(self, flag: Flag, new_salt: NewSalt) -> Flag:
        """Return *flag* as edited."""
        if self.rule is not None and self.fallthrough:
            raise EditRefused("/fallthrough", "names a rule and the fallthrough", "make it two edits")
        salt = new_salt() if self.salt is None else self.salt
        if self.rule is None and not self.fallthrough:
            return replace(flag, salt=salt)
        serve = _serve_of(flag, self.rule)
        if serve.split is None:
            path = "/rule" if self.rule is not None else "/fallthrough"
            raise EditRefused(path, "it serves one variation to everybody", "there is nothing to reshuffle")
        return _with_serve(flag, self.rule, Serve(split=replace(serve.split, salt=salt)))


def _reallocated(flag: Flag, serve: Serve, wanted: Mapping[str, int]) -> tuple[Weight, ...]:
    _check_weights(flag, wanted)
    current = _allocation(serve)
    try:
        # What is left out keeps a slice of 0, the mark of where it grows again.
        return reallocate(current, {**dict.fromkeys((slice_.variation for slice_ in current), 0), **wanted})
    except ValueError as error:  # slices that an older Pennon or an import left broken
        raise EditRefused("/weights", str(error), _REPLACE) from error


def _check_weights(flag: Flag, weights: Mapping[str, int]) -> None:
    known = [variation.key for variation in flag.variations]
    for variation, weight in weights.items():
        path = "/weights" + pointer(variation)
        if variation not in known:
            raise EditRefused(path, f"there is no variation {variation!r}", f"name some of: {', '.join(known)}")
        if weight < 0:
            raise EditRefused(path, "a weight is negative", f"give 0 to {WEIGHT_TOTAL}")
    if (total := sum(weights.values())) != WEIGHT_TOTAL:
        raise EditRefused("/weights", f"the weights sum to {total}", f"make them sum to {WEIGHT_TOTAL}")


def _serve_of(flag: Flag, rule: str | None) -> Serve:
    return flag.fallthrough if rule is None else rule_of(flag, rule).serve


def _with_serve(flag: Flag, rule: str | None, serve: Serve) -> Flag:
    if rule is None:
        return replace(flag, fallthrough=serve)
    return with_rule(flag, replace(rule_of(flag, rule), serve=serve))


def _own_split(serve: Serve) -> Split:
    """Return the split of *serve*, or a new one. Raises `EditRefused` for weights in another vendor's scale."""
    split = serve.split or Split(())
    if split.hash != OWN_HASH:
        message = f"the weights are in the scale of the hash {split.hash!r}, and another hash would move everybody"
        raise EditRefused("/weights", message, _REPLACE)
    return split


def _allocation(serve: Serve) -> tuple[Weight, ...]:
    """Return what *serve* gives to whom, as the weights of a split."""
    if serve.split is not None:
        return _own_split(serve).weights
    return () if serve.variation is None else (Weight(serve.variation, WEIGHT_TOTAL),)
