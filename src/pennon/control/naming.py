"""What keys, names and descriptions of projects, environments, tokens and keys may be. Pure."""

import re
from collections.abc import Iterable, Iterator

from pennon.control.errors import Invalid
from pennon.model import Problem, pointer

PLACE_KEY_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)"
"""Keys of projects and environments: lower case, for they stand in URLs, file names and host names."""
LONGEST_NAME = 200
LONGEST_DESCRIPTION = 4000

_PLACE_KEY = re.compile(PLACE_KEY_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def key_problems(key: str) -> Iterator[Problem]:
    """Yield what is wrong with the key of a project or an environment."""
    if _PLACE_KEY.match(key) is None:
        mend = "use 1 to 64 of a-z, 0-9, dot, underscore and hyphen, a letter or digit first"
        yield Problem(pointer("key"), f"{key[:80]!r} cannot be a key", mend)


def name_problems(name: str, description: str = "") -> Iterator[Problem]:
    """Yield what is wrong with a name (one line) and a description (any text)."""
    if len(name) > LONGEST_NAME:
        yield Problem(pointer("name"), f"longer than {LONGEST_NAME} characters", "shorten it")
    if _CONTROL.search(name):
        yield Problem(pointer("name"), "holds control characters", "write it on one line")
    if len(description) > LONGEST_DESCRIPTION:
        yield Problem(pointer("description"), f"longer than {LONGEST_DESCRIPTION} characters", "shorten it")


def accept(problems: Iterable[Problem]) -> None:
    """Raise `Invalid` if there are problems."""
    if found := list(problems):
        raise Invalid(found)
