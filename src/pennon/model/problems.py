"""What is wrong with a piece of input: where, what, and how to mend it.

Tree of errors:

    ModelError(ValueError)
    ├── InvalidJson        not JSON, or JSON of another shape than the model's
    └── InvalidItem        one flag, segment or layer that cannot be read; its neighbours can
"""

import re
from collections.abc import Iterable

import msgspec

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError)
"""What msgspec raises on bad bytes, and on half a surrogate pair in a `str`. Only the first is of its own tree."""


class Problem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One fault in some input: the JSON pointer to it, what is wrong, and what to do about it."""

    path: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f" ({self.mend})" if self.mend else ""
        return f"{self.path or '/'}: {self.message}{mend}"

    def under(self, prefix: str) -> "Problem":
        """Return the same problem as seen from a document that holds this one at *prefix*."""
        return Problem(prefix + self.path, self.message, self.mend)


class ModelError(ValueError):
    """Input that is not what the model says. `problems` lists each fault with its path."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidJson(ModelError):
    """Bytes that are not JSON, or JSON that has another shape than the model's."""


class InvalidItem(ModelError):
    """A flag, segment or layer that cannot be read. Its neighbours are not concerned."""


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) to *parts*: `pointer("rules", 0)` is `/rules/0`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


_PATH = re.compile(r" - at `(?:key in )?\$?(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def decoding_problem(error: Exception, prefix: str = "") -> Problem:
    """Turn what msgspec raised while decoding into a problem with a JSON pointer below *prefix*.

    msgspec writes `[...]` for a key of a mapping; it becomes `*`.
    """
    if isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
        return Problem(prefix, f"not valid UTF-8 at byte {error.start}", "send UTF-8")
    if isinstance(error, RecursionError):
        return Problem(prefix, "nested too deeply", "flatten it")
    text = str(error)
    if (match := _PATH.search(text)) is None:
        return Problem(prefix, text)
    steps = (name or index for name, index in _STEP.findall(match[1]))
    path = pointer(*("*" if step == "..." else step for step in steps))
    return Problem(prefix + path, text[: match.start()])
