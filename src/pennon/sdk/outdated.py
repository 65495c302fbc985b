"""Whether a request acts on outdated flags: what its page says it saw, against what the rules here answer. Pure.

`spec/outdated.md` has the headers and the rules, `spec/vectors/outdated` the cases.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from pennon.bucketing import well_formed
from pennon.engine import Context
from pennon.model import ErrorCode, Evaluation, Reason
from pennon.sdk.flags import PinnedRules
from pennon.sdk.overrides import RULE_ID

VERSION_HEADER = "X-Flags-Version"
SEEN_HEADER = "X-Flags-Seen"
MOST_CHARACTERS = 16_384
"""What is longer is read so far: no page says more of itself."""

_VERSION = re.compile(r"v(0|[1-9][0-9]{0,15})_[0-9a-f]{8}", re.ASCII)
_PLAIN = "!'()*~"  # what JavaScript's encodeURIComponent leaves as it is, beside letters, digits and `-._`


class Seen(NamedTuple):
    """What a request says of the flags that it acts on: the revision its page holds, the variations that it showed."""

    revision: int | None = None
    variations: Mapping[str, str] = {}

    @classmethod
    def of(cls, version: str | None, seen: str | None) -> "Seen":
        """Return what the two headers say. What cannot be read is as if it were not there."""
        return cls(parse_version(version), parse_seen(seen))


def parse_version(header: str | None) -> int | None:
    """Return the revision in an `X-Flags-Version`, None if there is none that can be read."""
    found = _VERSION.fullmatch((header or "").strip(" \t"))
    return None if found is None else int(found[1])


def parse_seen(header: str | None) -> dict[str, str]:
    """Return the variations by flag in an `X-Flags-Seen`. An entry that cannot be read is left out."""
    text = header or ""
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS].rpartition(",")[0]
    entries = (entry.strip(" \t").partition("=") for entry in text.split(","))
    read = ((unquote(key, errors="replace"), unquote(variation, errors="replace")) for key, _, variation in entries)
    return {key: variation for key, variation in read if key and variation}


def write_seen(variations: Mapping[str, str | None]) -> str:
    """Return the `X-Flags-Seen` of *variations* by flag, for a service that passes on what it was served itself."""
    return ",".join(f"{_quoted(key)}={_quoted(variation)}" for key, variation in variations.items() if variation)


def outdated(
    rules: PinnedRules, named: Iterable[str], context: Context, seen: Seen, *, required: bool = False
) -> tuple[str, ...]:
    """Return those of the *named* flags that the request must not act on any more: none of them, and it may go on.

    Evaluates for *context*, without counting. *required*: what is said neither to be seen nor at which revision is
    refused. Never raises.
    """
    flags = tuple(dict.fromkeys(named))
    if required and seen.revision is None:
        unsaid = tuple(flag for flag in flags if flag not in seen.variations)
        if unsaid:
            return unsaid
    if rules.epoch == 0 or (seen.revision is not None and seen.revision > rules.revision):
        return ()  # nothing is known here, or less than there
    silent = rules.uncounted()
    return tuple(flag for flag in flags if _is_outdated(silent, flag, context, seen))


def _is_outdated(rules: PinnedRules, flag: str, context: Context, seen: Seen) -> bool:
    variation = seen.variations.get(flag)
    if variation is not None:
        answer = rules.evaluation(flag, context)
        if _is_comparable(answer):
            return answer.variation != variation
    return seen.revision is not None and rules.changed_at(flag) > seen.revision


def _is_comparable(answer: Evaluation) -> bool:
    """Whether *answer* is one that pages get, too. A page cannot mend an error here, or an override in this process."""
    if answer.reason is Reason.ERROR:
        return answer.error_code is ErrorCode.FLAG_NOT_FOUND
    return answer.rule_id != RULE_ID or answer.variation is not None


def _quoted(text: str) -> str:
    return quote(well_formed(text), safe=_PLAIN)
