"""How many of what comes are looked at: all of few, a few hundred a second of many. Pure: chance comes from outside."""

from collections.abc import Callable

LOOKS = 100
"""So many are looked at before every second one is passed over, and so on until the second is over."""
SPARSEST = 16
"""At least one in two to this power is looked at."""


class Pace:
    """The pace at which things are looked at. *chance* gives numbers from 0 to 1.

    `mask` has one integer: a thing is looked at where its number has no bit in common with it, so one in 2^n, for n
    bits, and every one for 0.
    """

    def __init__(self, *, chance: Callable[[], float]) -> None:
        self.mask = [0]
        self._chance = chance
        self._seen = 0
        self._looks, self._next = 0, LOOKS

    def wants(self) -> bool:
        """Count one more thing, and return whether it is to be looked at."""
        self._seen += 1
        return not self._seen & self.mask[0]

    def looked(self) -> None:
        """Note that a thing was looked at."""
        self._looks += 1
        if self._looks >= self._next:
            self._next += LOOKS
            self.mask[0] = _bits(min(self.mask[0].bit_count() + 1, SPARSEST), self._chance)

    def tick(self) -> None:
        """See to it that not too many are looked at, nor too few. To be called about once a second."""
        bits = self.mask[0].bit_count()
        if bits and self._looks < LOOKS // 2:
            bits -= 1
        self._looks, self._next = 0, LOOKS
        # Other bits each time: who evaluates in a rhythm must not fall into step with it.
        self.mask[0] = _bits(bits, self._chance)


def _bits(count: int, chance: Callable[[], float]) -> int:
    """Return an integer with *count* of its lowest bits set, any of them."""
    places = list(range(SPARSEST))
    return sum(1 << places.pop(int(chance() * len(places)) % len(places)) for _ in range(count))
