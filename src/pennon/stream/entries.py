"""What OFREP says of each flag by one rule set, encoded once: evaluations are prebuilt and never change."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pennon.engine import RuleSet
from pennon.model import Evaluation, Reason
from pennon.stream import evaluations

_KEPT_STREAMS = 1_000


class Entry(msgspec.Struct, frozen=True):
    """What is said of one flag. `opened` is `listed` without the two braces at its end, for metadata more."""

    key: str
    evaluation: Evaluation
    status: int
    listed: bytes
    opened: bytes


class Entries:
    """The entries of *rules*.

    Flags that answer what no one could prebuild make ever more evaluations: beyond so many as *most* all are forgotten.
    """

    __slots__ = ("_known", "_made", "_most", "revision", "rules", "streams")

    def __init__(self, rules: RuleSet, most: int) -> None:
        self._most = most
        self.rules = rules
        self.revision = f"{rules.epoch}.{rules.revision}"
        self.streams: dict[tuple[object, ...], bytes] = {}
        """Encoded event streams, by what each of them depends on."""
        self._made: dict[int, Entry] = {}
        self._known: tuple[frozenset[str] | None, list[str]] | None = None

    def entry(self, key: str, evaluation: Evaluation) -> Entry:
        """Return what is said of the flag *key* that answers *evaluation*."""
        found = self._made.get(id(evaluation))
        if found is not None and found.evaluation is evaluation and found.key == key:
            return found
        return self._make(key, evaluation)

    def listed(self, keys: Iterable[str], context: dict[str, Any], now: float) -> list[bytes]:
        """Return what is said of each of the flags *keys* for *context*."""
        made, evaluate = self._made, self.rules.evaluate
        said = []
        for key in keys:
            evaluation = evaluate(key, context, now=now)
            found = made.get(id(evaluation))
            if found is None or found.evaluation is not evaluation or found.key != key:
                found = self._make(key, evaluation)
            said.append(found.listed)
        return said

    def keys(self, client_flags: frozenset[str] | None) -> list[str]:
        """Return the keys of *client_flags*, of all flags for None, in the order in which they are said."""
        if self._known is None or self._known[0] is not client_flags:
            self._known = client_flags, sorted(self.rules.flag_keys() if client_flags is None else client_flags)
        return self._known[1]

    def event_streams(self, depends_on: tuple[object, ...]) -> bytes | None:
        """Return the event streams that were kept for what they depend on, if they were."""
        return self.streams.get(depends_on)

    def keep_event_streams(self, depends_on: tuple[object, ...], encoded: bytes) -> None:
        """Keep event streams, until there are too many."""
        if len(self.streams) >= _KEPT_STREAMS:
            self.streams.clear()
        self.streams[depends_on] = encoded

    def _make(self, key: str, evaluation: Evaluation) -> Entry:
        metadata: dict[str, object] = {"revision": self.revision}
        # OFREP has one word for this and for a flag that is off; who reports what it read needs the right one.
        if evaluation.reason is Reason.PREREQUISITE_FAILED:
            metadata["reason"] = evaluation.reason
        # Who asks for all of them counts nothing yet: it tells of the exposure when it reads the flag.
        if (site := self.rules.exposure(key, evaluation)) is not None:
            metadata |= {"exposureBy": site.by} | ({} if site.experiment is None else {"experiment": site.experiment})
        listed = evaluations.encode(evaluations.entry(key, evaluation, metadata))
        entry = Entry(key, evaluation, evaluations.status(evaluation), listed, listed[:-2])
        # An error's text may quote the context, so there is no end of them.
        if evaluation.reason is not Reason.ERROR:
            if len(self._made) >= self._most:
                self._made.clear()
            self._made[id(evaluation)] = entry
        return entry
