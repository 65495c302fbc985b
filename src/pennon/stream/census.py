"""How many SDKs use a node, and at which revision each stands: from open streams, polls and the batches they send.

An SDK that streams also sends batches, and nothing in a stream's request says which batches are its own. So streams
and polls are counted; only where more instances sent batches than there are streams and polls, as where the processes
of a machine share one stream, does the surplus count, at the revisions that were reported last.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping, Reversible
from itertools import islice, takewhile

from pennon.model import Position

POLL_S = 30.0
"""How often SDKs poll: within this, each does so once."""
BATCH_S = 300.0
"""An instance that sent a batch within this is taken to live."""
REMEMBERED = 100_000
_REVISIONS = 1000


class Census:
    """Counts the SDKs of one environment at a node. Times are seconds of one clock that only goes forward."""

    def __init__(self) -> None:
        self._polls: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self._instances: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def polled(self, position: Position, now: float) -> None:
        """Note that an SDK asked for what is new, and stands at *position* with the answer."""
        self._polls.append((now, str(position)))

    def reported(self, instance: str, revision: str | int | None, now: float) -> None:
        """Note that an SDK instance sent a batch of events, and the revision that it says it evaluates by."""
        try:
            self._instances[instance] = (now, str(Position.parse(str(revision))))
        except ValueError:
            return
        self._instances.move_to_end(instance)
        if len(self._instances) > REMEMBERED:
            self._instances.popitem(last=False)

    def sdks(self, streams: Mapping[Position, int], now: float) -> dict[str, int]:
        """Return how many SDKs stand at which revision, given how many of the open *streams* do."""
        at: Counter[str] = Counter({str(position): count for position, count in streams.items()})
        at.update(_since(self._polls, now - POLL_S))
        surplus = sum(1 for _ in _since(self._instances.values(), now - BATCH_S)) - at.total()
        at.update(islice(_since(self._instances.values(), now - BATCH_S), max(0, surplus)))
        return dict(at.most_common(_REVISIONS))


def _since(notes: Reversible[tuple[float, str]], since: float) -> Iterable[str]:
    """Yield the revisions that were noted since then, the latest first."""
    return (revision for _, revision in takewhile(lambda note: note[0] >= since, reversed(notes)))
