"""The origin of an environment as the convergence test has it: a log, and a reading of it of its own.

Nothing here uses the protocol: texts, hashes, digests, projections and folds are made from plain JSON, so that an
error there cannot hide behind the same error here.
"""

import json
from functools import cache
from hashlib import sha256
from typing import Any, TypeAlias

from pennon.model import Delta, Item, Position, Snapshot

ENVIRONMENT = "shop/production"
Reference: TypeAlias = tuple[str, str]
Body: TypeAlias = dict[str, Any]
Texts: TypeAlias = dict[Reference, bytes]
KINDS = ("flag", "segment", "layer", "key")


def text_of(body: Body) -> bytes:
    stored = json.dumps(body, separators=(",", ":")).encode()
    return b'{"hash":"' + sha256(stored).hexdigest()[:16].encode() + b'",' + stored[1:]


def digest_of(texts: Texts) -> str:
    value = 0
    for (kind, key), text in texts.items():
        value ^= _number(kind, key, text)
    return f"{value:064x}"


@cache
def _number(kind: str, key: str, text: bytes) -> int:
    version = json.loads(text)["version"]
    return int(sha256(f"{kind}:{key}:{version}:{_hash(text)}".encode()).hexdigest(), 16)


def _hash(text: bytes) -> str:
    """The hash of a text, whatever it claims."""
    stored = b"{" + text[len(b'{"hash":"0123456789abcdef",') :]
    digits = sha256(stored).hexdigest()[:16]
    return digits if text.startswith(b'{"hash":"' + digits.encode() + b'",') else sha256(text).hexdigest()[:16]


def texts_of(snapshot: Snapshot) -> Texts:
    members: tuple[tuple[str, Any], ...] = (
        ("flag", snapshot.flags),
        ("segment", snapshot.segments),
        ("layer", snapshot.layers),
        ("key", snapshot.keys),
    )
    return {(kind, key): item.text for kind, items in members for key, item in items.records.items()}


def projected(bodies: dict[Reference, Body], projection: str) -> Texts:
    """What a projection shows of an environment."""
    if projection == "edge":
        return {reference: text_of(body) for reference, body in bodies.items()}
    if projection == "server":
        return {reference: text_of(body) for reference, body in bodies.items() if reference[0] != "key"}
    shown: set[Reference] = set()
    for reference, body in bodies.items():
        if body.get("clientSide"):
            _show(reference, bodies, shown)
    return {r: text_of(_hashed(bodies[r]) if r[0] == "segment" else bodies[r]) for r in shown}


def _show(reference: Reference, bodies: dict[Reference, Body], shown: set[Reference]) -> None:
    if reference in shown or reference not in bodies:
        return
    shown.add(reference)
    body = bodies[reference]
    for prerequisite in body.get("prerequisites", ()):
        _show(("flag", prerequisite["flag"]), bodies, shown)
    for rule in body.get("rules", ()):
        for condition in rule["conditions"]:
            for value in condition["values"]:
                _show(("segment", value), bodies, shown)
    if "split" in body.get("fallthrough", {}):
        _show(("layer", body["fallthrough"]["split"]["experiment"]["layer"]), bodies, shown)


def _hashed(body: Body) -> Body:
    lists: dict[str, list[str]] = {name: body[name] for name in ("included", "excluded") if name in body}
    salt = body.get("salt", "")
    hashes: Body = {
        name: [sha256(f"{salt}.{key}".encode()).hexdigest() for key in keys] for name, keys in lists.items()
    }
    return {**body, **hashes, "hashed": True}


def snapshot_of(texts: Texts, position: Position = Position(1, 0)) -> Snapshot:  # noqa: B008  # immutable
    items = {kind: {k: Item.from_text(k, t) for (each, k), t in texts.items() if each == kind} for kind in KINDS}
    return Snapshot.of(items, environment=ENVIRONMENT, position=position, digest=digest_of(texts))  # type: ignore[arg-type]


class Log:
    """The change log: per epoch, the changes one after the other; a restore starts an epoch from an earlier state.

    `until` says when a position was current last, for those that are not current any more.
    """

    def __init__(self) -> None:
        self.epoch = 1
        self.changes: dict[int, list[dict[Reference, Body | None]]] = {1: []}
        self.until: dict[Position, float] = {}
        self._texts: dict[tuple[Position, str], Texts] = {}

    @property
    def head(self) -> Position:
        return Position(self.epoch, len(self.changes[self.epoch]))

    def append(self, edits: dict[Reference, Body | None], now: float) -> None:
        """Accept a change: every item gets a version that it never had, deleted in between or not."""
        self.until[self.head] = now
        revision = self.head.revision + 1
        self.changes[self.epoch].append(
            {
                reference: None if body is None else {**body, "version": self._next(reference), "changedAt": revision}
                for reference, body in edits.items()
            }
        )

    def restore(self, revision: int, now: float) -> None:
        """Go back to *revision* in a new epoch, as if from a backup."""
        self.until[self.head] = now
        kept = self.changes[self.epoch][:revision]
        self.epoch += 1
        self.changes[self.epoch] = kept

    def fold(self, position: Position) -> dict[Reference, Body]:
        bodies: dict[Reference, Body] = {}
        for change in self.changes[position.epoch][: position.revision]:
            for reference, body in change.items():
                bodies.pop(reference, None)
                if body is not None:
                    bodies[reference] = body
        return bodies

    def texts(self, position: Position, projection: str) -> Texts:
        """What a projection shows at *position*. Made once: nothing that was accepted ever changes."""
        key = position, projection
        if key not in self._texts:
            self._texts[key] = projected(self.fold(position), projection)
        return self._texts[key]

    def current_until(self, position: Position, now: float) -> float:
        return now if position == self.head else self.until[position]

    def snapshot(self) -> Snapshot:
        return snapshot_of(self.texts(self.head, "edge"), self.head)

    def delta(self, since: int, to: int) -> Delta:
        """The changes after *since* up to *to*, as one delta of the edge projection."""
        edits: dict[str, dict[str, Item | None]] = {kind: {} for kind in KINDS}
        for change in self.changes[self.epoch][since:to]:
            for (kind, key), body in change.items():
                edits[kind][key] = None if body is None else Item.from_text(key, text_of(body))
        return Delta(
            environment=ENVIRONMENT,
            epoch=self.epoch,
            from_=since,
            to=to,
            digest=digest_of(self.texts(Position(self.epoch, to), "edge")),
            flags=edits["flag"],
            segments=edits["segment"],
            layers=edits["layer"],
            keys=edits["key"],
        )

    def _next(self, reference: Reference) -> int:
        used = [body["version"] for change in self.changes[self.epoch] if (body := change.get(reference)) is not None]
        return max(used, default=0) + 1
