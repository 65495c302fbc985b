"""Values that go before every rule, for development and tests: from the environment, and while a test runs.

An overridden flag answers `RULE_MATCH` with the rule id `override` and no flag version: a rule of this process that
comes before all others and holds for everybody.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType

from pennon.model import Evaluation, Json, Reason
from pennon.sdk.errors import InvalidOverrides

RULE_ID = "override"
_WORDS: Mapping[str, bool] = {"on": True, "true": True, "off": False, "false": False}


class Override:
    """A value that goes before every rule, until `remove`, or until the `with` block ends."""

    def __init__(self, remove: Callable[["Override"], None], flag: str, value: Json) -> None:
        self.flag = flag
        self.value = value
        self._remove = remove

    def remove(self) -> None:
        """Let the rules answer again, or the override before this one."""
        self._remove(self)

    def __enter__(self) -> "Override":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()


def parse_overrides(text: str) -> dict[str, Json]:
    """Return the values of `PENNON_OVERRIDES`, such as `new-checkout=on,theme="dark",limits={"max":3}`.

    A value is JSON, or a bare word up to the next comma: `on` and `true`, `off` and `false`, otherwise a string.
    Raises `InvalidOverrides`.
    """
    return dict(_pairs(text))


def overriding(value: Json) -> Evaluation:
    """Return what an overridden flag answers."""
    return Evaluation(value=value, variation=None, reason=Reason.RULE_MATCH, rule_id=RULE_ID)


def _pairs(text: str) -> Iterator[tuple[str, Json]]:
    at = 0
    while text[at:].strip(" ,"):
        name, equals, _ = text[at:].partition("=")
        key = name.strip(" ,\t\n")
        if not equals or not key or "," in key:
            raise InvalidOverrides(f"PENNON_OVERRIDES: expected flag=value, found {text[at:].strip(' ,')!r}")
        value, at = _value(text, at + len(name) + 1)
        yield key, value


def _value(text: str, at: int) -> tuple[Json, int]:
    """Return the value that starts at *at*, and where it ends."""
    start = at + len(text[at:]) - len(text[at:].lstrip())
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        pass
    else:
        if not text[end:].strip() or text[end:].lstrip().startswith(","):
            return value, end
    end = text.find(",", start)
    end = len(text) if end < 0 else end
    word = text[start:end].strip()
    return _WORDS.get(word.lower(), word), end
