"""Splits as Python statements: the unit, its place in a layer, its bucket, the slice that serves."""

from typing import Protocol

from pennon.bucketing import BUCKETS, bucket_prefix
from pennon.engine.buckets import BucketCache
from pennon.engine.conditions import Conditions
from pennon.engine.operators import Refused
from pennon.engine.source import Writer
from pennon.engine.values import integer
from pennon.model import ErrorCode, Flag, Layer, Problem, Reason, Split


class Answering(Protocol):
    """Writes what a flag answers."""

    def serve(
        self,
        variation: str | None,
        reason: Reason,
        rule: str | None = None,
        *,
        experiment: str | None = None,
        by: str | None = None,
    ) -> str:
        """Return statements that serve *variation*."""

    def fail(self, code: ErrorCode, message: str) -> str:
        """Return statements that answer an error."""


class Splits:
    """Writes the splits of one flag."""

    def __init__(
        self, flag: Flag, writer: Writer, conditions: Conditions, answers: Answering, buckets: BucketCache | None
    ) -> None:
        """*buckets* remembers the units that come again; None: each is hashed."""
        self._flag = flag
        self._writer = writer
        self._conditions = conditions
        self._answers = answers
        self._buckets = buckets
        self._keys = {variation.key for variation in flag.variations}

    def write(self, indent: int, split: Split, path: str, rule: str | None, reason: Reason = Reason.SPLIT) -> None:
        """Write statements that serve by *split*, or answer that the unit is missing."""
        experiment = None if split.experiment is None else split.experiment.key
        serve = [
            self._answers.serve(weight.variation, reason, rule, experiment=experiment, by=split.by)
            if self._is_variation(weight.variation, f"{path}/weights/{index}/variation")
            else "pass"
            for index, weight in enumerate(split.weights)
        ]
        if self._flag.compat is not None and split.hash != "sha256":
            self._write_foreign(indent, split, path, serve)
            return
        if split.hash != "sha256":
            self._conditions.refuse(path + "/hash", f"the hash {split.hash!r} is not known here", "update the SDK")
        bounds = self._bounds(split, path)
        salt = self._flag.salt if split.salt is None else split.salt
        self.write_bucket(indent, split.by, path + "/by", bucket_prefix(salt, self._flag.key), split)
        self._write_slices(indent, [(bound, statements) for bound, statements in zip(bounds, serve, strict=True)])

    def _is_variation(self, key: str, path: str) -> bool:
        if key in self._keys:
            return True
        self._conditions.refuse(path, f"there is no variation {key!r}", "name one of the flag's variations")
        return False

    def _bounds(self, split: Split, path: str) -> list[int]:
        bounds, total = [], 0
        for index, weight in enumerate(split.weights):
            share = integer(weight.weight)
            if share is None or share < 0:
                where = f"{path}/weights/{index}/weight"
                self._conditions.refuse(
                    where, f"{weight.weight!r} is not an integer from 0 on", f"weights are out of {BUCKETS}"
                )
            total += share or 0
            bounds.append(total)
        if total != BUCKETS:
            self._conditions.refuse(path + "/weights", f"the weights sum to {total}", f"make them sum to {BUCKETS}")
        return bounds

    def write_bucket(self, indent: int, by: str, path: str, prefix: bytes, subject: object) -> None:
        """Write statements that put the unit into `u` and its bucket into `b`, or answer that it is missing."""
        missing = self._answers.fail(ErrorCode.TARGETING_KEY_MISSING, _missing(by))
        for line in (
            *self._conditions.lookup_lines("u", by, path),
            "if type(u) is not str:",
            " u = unit(u)",
            " if u is None:",
        ):
            self._writer.line(indent, line)
        self._writer.note_bucket(indent + 2, path, subject, "None, None")
        self._writer.line(indent + 2, missing)
        for line in self._bucket(prefix):
            self._writer.line(indent, line)
        self._writer.note_bucket(indent, path, subject, "u, b")

    def _bucket(self, prefix: bytes) -> list[str]:
        """Return statements that put the bucket of `u` into `b`."""
        if self._buckets is not None:
            return [f"b = {self._writer.constant(self._buckets.after(prefix))}[u]"]
        hashed = f"b = unpack(sha256({self._writer.constant(prefix)} + {{}}.encode()).digest())[0] % {BUCKETS}"
        return [f"try: {hashed.format('u')}", f"except UnicodeEncodeError: {hashed.format('well_formed(u)')}"]

    def _write_slices(self, indent: int, slices: list[tuple[int, str]]) -> None:
        """Write the slices in order, the empty ones left out; the last needs no comparison."""
        start, kept = 0, []
        for bound, statements in slices:
            if bound > start:
                kept.append((bound, statements))
            start = bound
        for bound, statements in kept[:-1]:
            self._writer.line(indent, f"if b < {self._writer.constant(bound)}: {statements}")
        for _, statements in kept[-1:]:
            self._writer.line(indent, statements)

    def _write_foreign(self, indent: int, split: Split, path: str, serve: list[str]) -> None:
        if self._conditions.dialect is None:
            return
        try:
            choice = self._conditions.dialect.split(split, self._flag)
        except ValueError as error:
            self._conditions.refuse(path, str(error), "import the flag again, or write the split anew")
            return
        self._writer.line(indent, f"b = {self._writer.constant(choice)}(c, t)")
        self._writer.note_bucket(indent, path, split, "None, b")
        missing = self._answers.fail(ErrorCode.TARGETING_KEY_MISSING, _missing(split.by))
        self._writer.line(indent, f"if b is None: {missing}")
        for index, statements in enumerate(serve):
            self._writer.line(indent, f"if b == {index}: {statements}")
        self._writer.line(indent, self._answers.fail(ErrorCode.GENERAL, "the dialect chose none of the weights"))

    def write_owned(self, indent: int, split: Split, layer: Layer, path: str) -> None:
        """Write `if …:`, true where the split's experiment owns the unit's place in *layer*."""
        assert split.experiment is not None
        self.write_bucket(indent, layer.by, path + "/experiment/layer", bucket_prefix(layer.salt, layer.key), layer)
        try:
            owned = owned_places(layer, split.experiment.key)
        except Refused as refused:
            for problem in refused.problems:
                self._conditions.refuse(path + "/experiment/layer", f"the layer {layer.key!r}: {problem}", problem.mend)
            owned = []
        places = [f"{self._writer.constant(start)} <= b < {self._writer.constant(end)}" for start, end in owned]
        owned_here = " or ".join(places) or "False"
        self._writer.line(indent, f"if {self._writer.probed(owned_here, 'layer', path, split.experiment)}:")


def owned_places(layer: Layer, experiment: str) -> list[tuple[int, int]]:
    """Return the places [from, to) that *experiment* owns. Raises `Refused` where slots overlap or leave the layer."""
    taken = 0
    owned = []
    for slot in sorted(layer.slots, key=lambda slot: slot.from_):
        if not taken <= slot.from_ <= slot.to <= BUCKETS:
            raise Refused(Problem("/slots", "its slots overlap, or leave 0 to 100000", "give each place one owner"))
        taken = slot.to
        if slot.experiment == experiment:
            owned.append((slot.from_, slot.to))
    return owned


def _missing(by: str) -> str:
    # One text for nearly all flags, rather than one for each.
    return _NO_KEY if by == "targetingKey" else f"{by}{_MISSING}"


_MISSING = " is missing, or neither a string nor an integer, and the split needs it"
_NO_KEY = f"targetingKey{_MISSING}"
