"""Items, snapshots and deltas for the tests of the protocol."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pennon.model import (
    Condition,
    Delta,
    Flag,
    Item,
    ItemKind,
    KeyRecord,
    Layer,
    Position,
    Prerequisite,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Snapshot,
    Variation,
)
from pennon.protocol import (
    Action,
    Adopted,
    AskSince,
    AskSnapshot,
    Draining,
    Endorsed,
    Frame,
    Hub,
    Replica,
    Reported,
    digest,
)
from pennon.protocol.frames import aged
from pennon.protocol.state import Reference, changes_of, items_of

ENVIRONMENT = "shop/production"
VARIATIONS = (Variation("on", True), Variation("off", False))


def flag(
    key: str, version: int = 1, *, needs: tuple[str, ...] = (), segments: tuple[str, ...] = (), **more: Any
) -> Item:
    """A flag that has *needs* as prerequisites and one rule in *segments*."""
    rules = (Rule("r1", (Condition("inSegment", values=segments),), Serve("on")),) if segments else ()
    more.setdefault("fallthrough", Serve("on"))
    more.setdefault("rules", rules)
    prerequisites = tuple(Prerequisite(need, ("on",)) for need in needs)
    return Item.of(Flag(key, VARIATIONS, True, version=version, prerequisites=prerequisites, **more))


def segment(key: str, version: int = 1, *, segments: tuple[str, ...] = (), **more: Any) -> Item:
    """A segment with one rule in *segments*."""
    rules = (SegmentRule((Condition("inSegment", values=segments),)),) if segments else ()
    return Item.of(Segment(key, version=version, rules=rules, **more))


def layer(key: str, version: int = 1) -> Item:
    return Item.of(Layer(key, version=version))


def record(key: str, version: int = 1, **more: Any) -> Item:
    return Item.of(KeyRecord(key, "server", version=version, **more))


def damaged(item: Item) -> Item:
    """The item with one byte of its text changed, its hash as it was."""
    text = item.text.replace(b'"on":true', b'"on":trve').replace(b"trve", b"null")
    assert text != item.text
    return msgspec.structs.replace(item, text=text)


def by_kind(*items: tuple[ItemKind, Item]) -> dict[ItemKind, dict[str, Item]]:
    grouped: dict[ItemKind, dict[str, Item]] = {}
    for kind, item in items:
        grouped.setdefault(kind, {})[item.key] = item
    return grouped


def snapshot(position: str, *flags: Item, others: Mapping[ItemKind, Mapping[str, Item]] | None = None) -> Snapshot:
    """A snapshot at *position* with its right digest."""
    items: dict[ItemKind, Mapping[str, Item]] = {"flag": {item.key: item for item in flags}, **(others or {})}
    return Snapshot.of(items, environment=ENVIRONMENT, position=Position.parse(position), digest=digest.combined(items))


def said(snapshot: Snapshot, digest: str) -> Snapshot:
    """The snapshot, but saying another digest."""
    return msgspec.structs.replace(snapshot, digest=digest)


def step(before: Snapshot, to: int, *flags: Item, deleted: tuple[str, ...] = (), **more: Any) -> Delta:
    """The delta from *before* to the revision *to*, with its right digest."""
    edits: dict[str, Item | None] = {**{item.key: item for item in flags}, **dict.fromkeys(deleted)}
    delta = Delta(
        environment=before.environment, epoch=before.epoch, from_=before.revision, to=to, digest="", flags=edits
    )
    return msgspec.structs.replace(delta, **{"digest": after(before, delta).digest, **more})


def after(before: Snapshot, delta: Delta) -> Snapshot:
    """The snapshot that *delta* makes of *before*, folded without the protocol's own code."""
    items = {kind: dict(records) for kind, records in items_of(before).items()}
    for kind, edits in changes_of(delta).items():
        items[kind].update({key: item for key, item in edits.items() if item is not None})
        for key in [key for key, item in edits.items() if item is None]:
            items[kind].pop(key, None)
    return Snapshot.of(
        items,
        environment=before.environment,
        position=Position(delta.epoch, delta.to),
        digest=digest.combined(items),
    )


def snapshot_frame(snapshot: Snapshot, age: float = 0.0) -> Frame:
    return Frame("snapshot", aged(snapshot.to_json(), age), str(snapshot.position))


def delta_frame(delta: Delta, age: float = 0.0) -> Frame:
    return Frame("delta", aged(delta.to_json(), age), f"{delta.epoch}.{delta.to}")


def heartbeat_frame(position: str, digest: str, age: float = 0.0, environment: str | None = ENVIRONMENT) -> Frame:
    epoch, revision = position.split(".")
    body = {"age": age, "epoch": int(epoch), "revision": int(revision), "digest": digest}
    if environment is not None:
        body["environment"] = environment
    return Frame("heartbeat", msgspec.json.encode(body), position)


def heartbeat_of(snapshot: Snapshot, age: float = 0.0) -> Frame:
    return heartbeat_frame(str(snapshot.position), snapshot.digest, age)


def replica_of(known: Snapshot, now: float = 0.0) -> Replica:
    """A replica that has just received *known*."""
    replica = Replica()
    replica.receive(snapshot_frame(known), now)
    assert replica.snapshot == known
    return replica


def hub_of(known: Snapshot, known_at: float = 0.0, **more: Any) -> Hub:
    """A hub that has just loaded *known*."""
    hub = Hub(**more)
    hub.load(known, known_at=known_at)
    return hub


def told(actions: list[Any]) -> list[object]:
    """Actions in short: adopted position and touched items, positions asked for, kinds of reports."""
    return [_told(action) for action in actions]


def _told(action: Action) -> object:
    match action:
        case Adopted(snapshot=snapshot, touched=touched):
            return "adopted", str(snapshot.position), None if touched is None else sorted(touched)
        case AskSince(position=position):
            return "ask since", str(position)
        case AskSnapshot():
            return "ask snapshot"
        case Reported(kind=kind, is_refusal=is_refusal):
            return "refused" if is_refusal else "reported", str(kind)
        case Draining(retry_ms=retry_ms):
            return "draining", retry_ms
        case Endorsed(heads=heads):
            return "endorsed", [(head.projection, head.time) for head in heads]


def references(kind: ItemKind, *keys: str) -> list[Reference]:
    return [(kind, key) for key in keys]
