"""What a memory limit is spent on. No input, no output."""

import msgspec

LEAST = 16 * 1024**2
"""So much must be left for environments beside the program itself."""
_COMPILED = 0.15
"""Most is left for what comes and goes: a whole document that somebody asks for, the state that is read anew."""
_IN_MEMORY = 5
"""Compiled, and with what is said of it over OFREP, a flag takes so many times the memory of its text."""
_DOCUMENTS = 0.2
_HISTORY = 0.05
_MOST_HISTORY = 8 * 1024**2


class Budget(msgspec.Struct, frozen=True):
    """Bytes: the *limit* itself, and the shares that are bounded beforehand. The rest is for what comes and goes.

    `compiled` is of flags' text, and `history` of changes, both for each environment; `documents` is of what was
    compressed, for all.
    """

    limit: int
    compiled: int
    documents: int
    history: int

    @classmethod
    def of(cls, limit: int, *, used: int, environments: int) -> "Budget":
        """Return how *limit* is spent, of which the program itself takes what is *used*.

        Raises `ValueError` where too little is left.
        """
        left = limit - used
        if left < LEAST:
            needed = -(-(used + LEAST) // 1024**2)
            raise ValueError(f"the program itself takes {used / 1024**2:.0f} MiB: give it {needed} MiB at least")
        among = max(1, environments)
        return cls(
            limit=limit,
            compiled=int(left * _COMPILED / _IN_MEMORY / among),
            documents=int(left * _DOCUMENTS),
            history=min(_MOST_HISTORY, int(left * _HISTORY / among)),
        )
