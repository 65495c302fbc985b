"""How a split's slices change when its weights do, so that no more users change variation than must.

The rule, what it guarantees and what nothing could guarantee are in `spec/bucketing.md`, "Changing the weights".
"""

from collections.abc import Iterator, Mapping

from pennon.model.flags import Weight

_Slices = list[tuple[str, int]]


def reallocate(current: tuple[Weight, ...], wanted: Mapping[str, int]) -> tuple[Weight, ...]:
    """Return slices in which each variation has its *wanted* share, made from *current* by moving as little as can be.

    A bucket changes variation only if its variation shrank, and only to one that grew. A variation that is wanted
    with nothing, and was there, stays as a slice of weight 0: a mark of where it grows again. One that is not in
    *wanted* is gone.

    Raises `ValueError` if a share is not an integer from 0, or the two do not sum to the same.
    """
    slices = [(slice_.variation, _share(slice_.weight)) for slice_ in current]
    for share in wanted.values():
        _share(share)
    if not slices:
        return tuple(Weight(variation, share) for variation, share in wanted.items() if share)
    if (had := sum(share for _, share in slices)) != (total := sum(wanted.values())):
        raise ValueError(f"the shares sum to {total}, and must sum to {had} as before")
    for source, target, amount in _flows(slices, wanted):
        slices = _transferred(slices, source, target, amount=amount)
    return tuple(Weight(*slice_) for slice_ in _tidy(slices, wanted))


def _share(weight: float) -> int:
    if not isinstance(weight, int) or isinstance(weight, bool) or weight < 0:
        raise ValueError(f"a share is an integer from 0, not {weight!r}")
    return weight


def _flows(slices: _Slices, wanted: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield who gives how much to whom: those that shrink to those that grow, each side in the order of the keys.

    Swapping the two sides swaps givers and takers and nothing else, so that a step back undoes a step.
    """
    change = dict(wanted)
    for variation, share in slices:
        change[variation] = change.get(variation, 0) - share
    givers = sorted(variation for variation, by in change.items() if by < 0)
    takers = sorted(variation for variation, by in change.items() if by > 0)
    for source in givers:
        for target in takers:
            if amount := min(-change[source], change[target]):
                yield source, target, amount
                change[source] += amount
                change[target] -= amount


def _transferred(slices: _Slices, source: str, target: str, *, amount: int) -> _Slices:
    """Return *slices* after *source* has given *amount* to *target*."""
    while amount:
        if (edge := _edge(slices, source, target)) is None:
            slices = _with_room(slices, source, target)
            edge = _edge(slices, source, target)
            assert edge is not None  # it was just made
        giver, taker = edge
        moved = min(amount, slices[giver][1])
        slices[giver] = (source, slices[giver][1] - moved)
        slices[taker] = (target, slices[taker][1] + moved)
        amount -= moved
        slices = _merged(slices)
    return slices


def _edge(slices: _Slices, source: str, target: str) -> tuple[int, int] | None:
    """Return the last place where a slice of *source*, not empty, lies beside one of *target*: both indices.

    Giving and giving back move the same edge, so what was gained last is given back first.
    """
    for right in range(len(slices) - 1, 0, -1):
        for giver, taker in ((right - 1, right), (right, right - 1)):
            if slices[giver][0] == source and slices[giver][1] and slices[taker][0] == target:
                return giver, taker
    return None


def _with_room(slices: _Slices, source: str, target: str) -> _Slices:
    """Return *slices* with an empty one of *target* in the largest of *source*.

    A variation that has nothing starts at that slice's end. One that has grown as far as it could starts in the
    middle, which leaves room for the next: slices then multiply with the doublings of a share, not with its steps.
    """
    is_new = not any(share for variation, share in slices if variation == target)
    if is_new:
        slices = [slice_ for slice_ in slices if slice_[0] != target]
    largest = max((share, -index) for index, (variation, share) in enumerate(slices) if variation == source)
    share, index = largest[0], -largest[1]
    left = share if is_new else share - share // 2
    parts = [(source, left), (target, 0), (source, share - left)]
    return slices[:index] + [part for part in parts if part[1] or part[0] == target] + slices[index + 1 :]


def _merged(slices: _Slices) -> _Slices:
    merged: _Slices = []
    for variation, share in slices:
        before = merged.pop()[1] if merged and merged[-1][0] == variation else 0
        merged.append((variation, before + share))
    return merged


def _tidy(slices: _Slices, wanted: Mapping[str, int]) -> _Slices:
    """Return *slices* with at most one empty one a variation, and only where the variation has no other."""
    kept: _Slices = []
    empty: set[str] = set()
    for variation, share in slices:
        if not share:
            if variation in empty or wanted.get(variation) != 0:
                continue
            empty.add(variation)
        kept.append((variation, share))
    return _merged(kept)
