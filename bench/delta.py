"""Deltas on 10,000 flags through the hub and into a replica, against the bare parse of the same bytes."""

import gc
import json
import time
from collections.abc import Callable

from bench.evaluation.sdks.pennon import body, snapshot
from bench.evaluation.worlds import five_rules, segments
from pennon.model import Delta, Item, Position, Snapshot
from pennon.protocol import Adopted, Hub, Replica, digest, sse
from pennon.protocol.state import items_of

FLAGS = 10_000
CLIENT_SIDE = 200
CHANGES = 200
MISSED = 50
ROUNDS = 5


def main() -> None:
    """Print the CPU time of each step, and its ratio to the bare parse in the same run."""
    whole, hub = _environment(), Hub()
    data = whole.to_json()
    _table("the environment whole", len(data))
    floor = _fastest(lambda: json.loads(data))
    _print("floor: json.loads", floor, floor)
    _print("hub loads it, three projections", _fastest(lambda: hub.load(whole, known_at=0)), floor)
    frame = hub.opening("server", None, 0)
    _print("replica takes it", _fastest(lambda: Replica().receive(frame, 0)), floor)
    replica = Replica()
    replica.receive(frame, 0)
    _print("replica takes it again, equal", _fastest(lambda: replica.receive(frame, 0)), floor)
    for count in (1, 100):
        _deltas(whole, count)


def _deltas(whole: Snapshot, count: int) -> None:
    """Print what deltas of *count* flags cost, each on its way from the log to a replica."""
    hub, frames, advancing = Hub(), [], 0.0
    hub.load(whole, known_at=0)
    for delta in _log(whole, count):
        started = time.process_time()
        deltas = hub.advance(delta, known_at=0)
        advancing += time.process_time() - started
        frames.append(hub.delta_frame("server", deltas["server"], 0))
    changes = len(frames)
    _table(f"a delta of {count} flag{'s' if count > 1 else ''}", len(frames[0].data))
    floor = _fastest(lambda: [json.loads(frame.data) for frame in frames]) / changes
    _print("floor: json.loads", floor, floor)
    _print("hub advances, three projections", advancing / changes, floor)
    wire = b"".join(map(sse.encode, frames))
    _print("SSE read", _fastest(lambda: sse.Decoder().feed(wire)) / changes, floor)
    _print("replica applies, digest checked", _applying(whole, wire) / changes, floor)
    merged = _fastest(lambda: hub.opening("server", Position(1, CHANGES - MISSED), 0), rounds=1)
    _print(f"hub merges {MISSED} that were missed", merged, floor)


def _applying(whole: Snapshot, wire: bytes) -> float:
    """Return the fastest CPU time in which a replica that holds *whole* takes all deltas of *wire*."""
    frames, best = sse.Decoder().feed(wire), float("inf")
    for _ in range(ROUNDS):
        replica = Replica(snapshot=whole)
        gc.collect()
        started = time.process_time()
        actions = [replica.receive(frame, 0) for frame in frames]
        best = min(best, time.process_time() - started)
        assert all(len(each) == 1 and isinstance(each[0], Adopted) for each in actions)
        assert replica.position == Position(1, CHANGES)
    return best


def _environment() -> Snapshot:
    document = json.loads(snapshot((five_rules(f"flag-{index}", index) for index in range(FLAGS)), segments()))
    for index in range(CLIENT_SIDE):
        document["flags"][f"flag-{index}"]["clientSide"] = True
    items = items_of(Snapshot.from_json(json.dumps(document).encode()))
    position = Position(1, 0)
    return Snapshot.of(items, environment="bench/delta", position=position, digest=digest.combined(items))


def _log(whole: Snapshot, count: int) -> list[Delta]:
    """Return deltas of *count* flags each, one after the other."""
    return [
        Delta(
            environment=whole.environment,
            epoch=1,
            from_=revision,
            to=revision + 1,
            digest="",
            flags={
                key: _changed(key, revision) for key in (f"flag-{(revision * 37 + i) % FLAGS}" for i in range(count))
            },
        )
        for revision in range(CHANGES)
    ]


def _changed(key: str, revision: int) -> Item:
    written = body(five_rules(key, int(key.removeprefix("flag-"))))
    stored = {**written, "version": revision + 2, "changedAt": revision + 1}
    return Item.from_text(key, json.dumps(stored, separators=(",", ":")).encode())


def _table(title: str, size: int) -> None:
    print(f"{title + f' ({size / 1e3:,.1f} KB)':44}{'µs':>12}{'of the floor':>14}")


def _print(name: str, seconds: float, floor: float) -> None:
    print(f"  {name:42}{seconds * 1e6:12,.1f}{seconds / floor:14.2f}")


def _fastest(run: Callable[[], object], rounds: int = ROUNDS) -> float:
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
