"""What is wrong with splits: shares that reach nobody, experiments that own nothing."""

from collections.abc import Iterator

from pennon.engine.proofs.facts import Facts
from pennon.engine.proofs.finding import Code, Findings
from pennon.engine.proofs.outlines import Outlines, reached_variations
from pennon.model import Flag, Split


def note_split(found: Findings, flag: Flag, split: Split, path: str, facts: Facts, outlines: Outlines) -> None:
    """Note what is wrong with the split at *path*, which those get to of whom *facts* are known."""
    if not outlines.owned(split):
        assert split.experiment is not None
        message = f"the experiment {split.experiment.key!r} owns no place of the layer {split.experiment.layer!r}"
        found.note(Code.EXPERIMENT_OWNS_NOTHING, f"{path}/experiment", message, "give it a slot of the layer")
    if split.hash != "sha256":
        return  # what shares mean is the dialect's to say: flagd's last one is of those without a unit
    shares = _shares(split)
    whole = [variation for variation, share in shares.items() if share == sum(shares.values())]
    if whole:
        message = f"{whole[0]!r} has everything, and who has no {split.by} gets an error"
        found.note(Code.SPLIT_OF_ONE, path, message, f"serve {whole[0]!r} without a split")
        return
    reached = frozenset(reached_variations(flag, split, facts))
    for index, variation in _first_places(split):
        here = f"{path}/weights/{index}"
        if not shares[variation]:
            message = f"nobody gets {variation!r} of this split: its weight is 0"
            found.note(Code.WEIGHT_ZERO, here, message, "give it a weight, or leave it out")
        elif variation not in reached:
            message = f"nobody gets {variation!r} of this split: whoever comes here has a bucket of another slice"
            found.note(Code.VARIATION_UNREACHABLE, here, message, "give the split, or inBucket, a salt of its own")


def _shares(split: Split) -> dict[str, int | float]:
    shares: dict[str, int | float] = {}
    for weight in split.weights:
        shares[weight.variation] = shares.get(weight.variation, 0) + weight.weight
    return shares


def _first_places(split: Split) -> Iterator[tuple[int, str]]:
    """Yield each variation once, with the place of its first slice."""
    seen: set[str] = set()
    for index, weight in enumerate(split.weights):
        if weight.variation not in seen:
            seen.add(weight.variation)
            yield index, weight.variation


def note_unreached(found: Findings, split: Split, path: str, why: str) -> None:
    """Note that nobody gets to the split at *path*."""
    what = "split" if split.experiment is None else f"experiment {split.experiment.key!r}"
    found.note(Code.SPLIT_UNREACHABLE, path, f"nobody gets to this {what}: {why}", "see what keeps people from it")
