"""The calls of a node to its upstreams: one circuit each, whatever environment a call is for; and cycles, refused."""

import random
from collections.abc import Callable, Iterable, Mapping

from pennon.edge.breaker import Breaker, BreakerSettings
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Failure, FailureKind
from pennon.sdk.receiver import AnyCall, Calls

_OVERLOADED = frozenset({408, 429})
_LOOP = 508


class Circuits:
    """Knows by a call's URL which upstream it goes to. *name* is the node's, which every call carries."""

    def __init__(
        self,
        name: str,
        upstreams: Iterable[str],
        now: Callable[[], float],
        *,
        settings: BreakerSettings = BreakerSettings(),  # noqa: B008  # immutable
        chance: Callable[[], float] = random.random,
        watch: Callable[[], Calls] = AnyCall,
    ) -> None:
        """*watch* makes what is told of the calls of a transport, too, and may add headers to them."""
        self.name = name
        self.watch = watch
        self.breakers: Mapping[str, Breaker] = {url: Breaker(settings, chance) for url in upstreams}
        self.now = now

    def begin(self, upstream: str) -> None:
        """Note that *upstream* is about to be asked. Raises `UpstreamFailed` where it may not be."""
        if (wait_s := self.breakers[upstream].admit(self.now())) is not None:
            message = f"{upstream} failed or was slow too often: it is not asked for {wait_s:.1f} s"
            raise UpstreamFailed(Failure(FailureKind.UNREACHABLE, message, wait_s))

    def answered(self, upstream: str, status: int, took_s: float) -> None:
        """Note an answer. One that says no is an answer; one that says that the server cannot is a failure."""
        if status in _OVERLOADED or (status >= 500 and status != _LOOP):
            self.breakers[upstream].failed(self.now())
        else:
            self.breakers[upstream].succeeded(took_s, self.now())

    def failed(self, upstream: str) -> None:
        """Note that there was no answer."""
        self.breakers[upstream].failed(self.now())

    def upstream_of(self, url: str) -> str:
        """Return the upstream that *url* is of."""
        return max((each for each in self.breakers if url.startswith(f"{each}/")), key=len)


class CircuitCalls:
    """Looks at the calls of one transport. See `pennon.sdk.receiver.Calls`."""

    def __init__(self, circuits: Circuits) -> None:
        self.upstream = next(iter(circuits.breakers))
        """Which upstream was asked last."""
        self.path: tuple[str, ...] = ()
        """The names of the nodes by which its state comes: its own first, the origin's last."""
        self.is_cut = False
        """Set when it is we who end what is asked: that is nobody's failure."""
        self._circuits = circuits
        self._watched = circuits.watch()
        self._began: dict[str, float] = {}

    def begin(self, url: str) -> Mapping[str, str]:
        """Return this node's name, by which the upstream finds cycles. Raises `UpstreamFailed` if nobody may ask."""
        self.upstream = self._circuits.upstream_of(url)
        self._circuits.begin(self.upstream)
        self._began[url] = self._circuits.now()
        return {**self._watched.begin(url), "X-Pennon-Node": self._circuits.name}

    def answered(self, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer. Raises `UpstreamFailed` where it comes from here."""
        self._watched.answered(url, status, headers)
        now = self._circuits.now()
        self._circuits.answered(self._circuits.upstream_of(url), status, now - self._began.pop(url, now))
        if status < 400:
            self.come_by(tuple(name for name in headers.get("x-pennon-path", "").split(",") if name))

    def failed(self, url: str) -> None:
        """Take note that nothing was answered."""
        self._began.pop(url, None)
        self._watched.failed(url)
        if not self.is_cut:
            self._circuits.failed(self._circuits.upstream_of(url))

    def come_by(self, path: tuple[str, ...]) -> None:
        """Take note of the path of the upstream's state. Raises `UpstreamFailed` where that is from here."""
        is_cycle = self._circuits.name in path
        self.path = () if is_cycle else path
        if is_cycle:
            mend = "give one of them another upstream, or another name"
            problem = f"{self.upstream} has its state from here: {' from '.join(path)}; {mend}"
            raise UpstreamFailed(Failure(FailureKind.BROKEN, problem))
