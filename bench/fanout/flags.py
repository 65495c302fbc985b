"""Flags as people have them: alike in shape, each with names, targets and a salt of its own, so that they pack as such.

Copies of one flag pack five times as well, and a snapshot of them would tell little about sending one.
"""

import random

from bench.propagation.servers import definition

_WORDS = 1_000
_VOWELS, _CONSONANTS = "aeiou", "bdfgklmnprstvz"


def varied(count: int) -> list[dict[str, object]]:
    """Return edits that make *count* flags, some 700 bytes each in a snapshot. They are the same in every run."""
    chance = random.Random(20)
    words = ["".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(3)) for _ in range(_WORDS)]
    return [_made(number, chance, words) for number in range(count)]


def _made(number: int, chance: random.Random, words: list[str]) -> dict[str, object]:
    def said(count: int) -> str:
        return " ".join(chance.choices(words, k=count))

    on = {"variation": "on"}
    conditions = [{"attribute": chance.choice(words), "op": "in", "values": chance.choices(words, k=3)}]
    share = chance.randrange(100_000)
    configuration = {
        "on": True,
        "salt": f"{chance.getrandbits(64):016x}",
        "offVariation": "off",
        "targets": [{"values": [f"user-{chance.getrandbits(32):08x}" for _ in range(3)], "variation": "on"}],
        "rules": [{"id": "r1", "description": said(6), "conditions": conditions, "serve": on}],
        "fallthrough": {
            "split": {
                "by": "targetingKey",
                "weights": [{"variation": "on", "weight": share}, {"variation": "off", "weight": 100_000 - share}],
            }
        },
    }
    key = f"{said(2).replace(' ', '-')}-{number}"
    return {"do": "putFlag", "definition": definition(key), "configuration": configuration}
