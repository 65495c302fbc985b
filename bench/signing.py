"""Signed heads for 10,000 flags: what signing costs an origin, and verifying an SDK, beside the same without."""

import gc
import time
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from bench.delta import CHANGES, FLAGS, _environment, _log
from pennon.model import Delta, Head, Position, Snapshot
from pennon.protocol import PROJECTIONS, Adopted, Hub, Ledger, Lines, Projection, Replica, Terms, Trust, heads
from pennon.protocol.frames import Frame
from pennon.protocol.state import items_of
from pennon.protocol.verifying import VerifyingReplica
from pennon.sdk.signatures import verifier

ROUNDS = 5
_PRIVATE = Ed25519PrivateKey.from_private_bytes(sha256(b"bench").digest())
_KEY = heads.key_text(_PRIVATE.public_key().public_bytes_raw())


def main() -> None:
    """Print the CPU time of each step, and its ratio to the same step without signatures."""
    whole = _environment()
    ledger = Ledger(whole)
    print(f"{f'{FLAGS:,} flags':48}{'µs':>12}{'of unsigned':>14}")
    _signing(whole, ledger)
    _verifying(whole)


def _signing(whole: Snapshot, ledger: Ledger) -> None:
    hub = Hub()
    load = _fastest(lambda: hub.load(whole, known_at=0))
    _print("origin: hub loads", load, load)
    _print("origin: and its ledger", load + _fastest(lambda: Ledger(whole)), load)
    roots = ledger.roots()
    deltas = _log(whole, 1)
    hub.load(whole, known_at=0)
    advance = _each(deltas, lambda delta: hub.advance(delta, known_at=0))
    _print("origin: hub advances by one flag", advance, advance)
    follow = _each(deltas, ledger.advance)
    root = _fastest(ledger.roots)
    sign = _fastest(lambda: _heads(ledger.position, roots))
    _print("origin: and the ledger follows", advance + follow, advance)
    _print("origin: and three roots", advance + follow + root, advance)
    _print("origin: and three signatures", advance + follow + root + sign, advance)


def _verifying(whole: Snapshot) -> None:
    hub, ledger = Hub(), Ledger(whole)
    hub.load(replace(whole, heads=_heads(whole.position, ledger.roots())), known_at=0)
    opening = hub.opening("server", None, 0)
    plain = _fastest(lambda: Replica().receive(opening, 0))
    _print("SDK: takes the snapshot", plain, plain)
    _print("SDK: takes it strictly", _fastest(lambda: _strict().receive(opening, 0)), plain)
    frames: list[Frame] = []
    for delta in _log(whole, 1)[: CHANGES // 4]:
        ledger.advance(delta)
        signed = replace(delta, heads=_heads(ledger.position, ledger.roots()))
        frames.append(hub.delta_frame("server", hub.advance(signed, known_at=0)["server"], 0))
    plain = _taking(Replica(), opening, frames)
    _print("SDK: takes a delta of one flag", plain, plain)
    _print("SDK: takes it strictly", _taking(_strict(), opening, frames), plain)
    beat = hub.heartbeat(0, "server")
    known, strict = Replica(), _strict()
    for replica in (known, strict):
        replica.receive(hub.opening("server", None, 0), 0)
    plain = _fastest(lambda: known.receive(beat, 0))
    _print("SDK: hears a heartbeat", plain, plain)
    _print("SDK: hears it strictly", _fastest(lambda: strict.receive(beat, 0)), plain)
    lines = Lines.of(items_of(whole))
    _print("root over all lines", _fastest(lines.root), plain)


def _heads(position: Position, roots: dict[Projection, str] | object) -> tuple[Head, ...]:
    assert isinstance(roots, dict)
    return tuple(_head(position, projection, roots[projection]) for projection in sorted(PROJECTIONS))


def _head(position: Position, projection: Projection, root: str) -> Head:
    head = Head(
        environment="bench/delta",
        projection=projection,
        epoch=position.epoch,
        revision=position.revision,
        time=0,
        root=root,
        key=_KEY,
        signature="",
    )
    return heads.signed(head, _PRIVATE.sign)


def _strict() -> VerifyingReplica:
    return VerifyingReplica(Trust([_KEY], verifier(), time=time.time, terms=Terms(is_strict=True)))


def _taking(replica: Replica | VerifyingReplica, opening: Frame, frames: list[Frame]) -> float:
    replica.receive(opening, 0)
    gc.collect()
    started = time.process_time()
    actions = [replica.receive(frame, 0) for frame in frames]
    spent = time.process_time() - started
    assert all(len(each) == 1 and isinstance(each[0], Adopted) for each in actions)
    return spent / len(frames)


def _each(deltas: list[Delta], run: Callable[[Delta], object]) -> float:
    gc.collect()
    started = time.process_time()
    for delta in deltas:
        run(delta)
    return (time.process_time() - started) / len(deltas)


def _fastest(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def _print(name: str, seconds: float, plain: float) -> None:
    print(f"  {name:46}{seconds * 1e6:12,.0f}{seconds / plain:14.2f}")


if __name__ == "__main__":
    main()
