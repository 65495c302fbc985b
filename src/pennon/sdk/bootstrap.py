"""Client-side flags for a page's HTML, evaluated in this process: what `POST /client/v1/bootstrap` answers.

    client.bootstrap({"targetingKey": "u1"}).script()

In the page, `JSON.parse(document.getElementById("pennon-bootstrap").textContent)`.
"""

import html
import threading

from pennon.engine import Context
from pennon.model import Snapshot
from pennon.protocol.bootstrap import TTL_S, aged, document, flags_version
from pennon.protocol.projection import ClientProjection
from pennon.protocol.state import difference, items_of
from pennon.sdk.flags import PinnedRules

ELEMENT_ID = "pennon-bootstrap"


class SafeHtml(str):
    """HTML that is to be put into a page as it is: Jinja, Django and others ask for `__html__` before they escape."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class Bootstrap(SafeHtml):
    """The client-side flags of one context. As a text, and in a template, it is the script element that carries them.

    `json` is the JSON alone, which ends no script element, comment or section: for an element of your own.
    """

    json: str

    def __new__(cls, json: str) -> "Bootstrap":
        """Return the bootstrap whose JSON is *json*, already safe."""
        made = super().__new__(cls, _element(json, None))
        made.json = json
        return made

    def script(self, nonce: str | None = None) -> SafeHtml:
        """Return the script element. No policy asks for a *nonce*, for no browser runs it; some check it."""
        return SafeHtml(_element(self.json, nonce))


class ClientSide:
    """What of an environment is client-side, kept up to date with the work of the change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._projection: ClientProjection | None = None
        self._shown: tuple[tuple[str, ...], str] = ((), "")

    def bootstrap(
        self, rules: PinnedRules, context: Context, *, age_s: float, now: float, ttl_s: int = TTL_S
    ) -> Bootstrap:
        """Return what *rules* serve to *context*, at *now* in seconds since 1970.

        It counts nothing and is no exposure: nobody has read it yet, and who reads it reports that.
        """
        snapshot, silent = rules.snapshot, rules.uncounted()
        keys, version = self._of(snapshot)
        made = document(
            ((key, silent.evaluation(key, context)) for key in keys),
            environment=snapshot.environment,
            position=snapshot.position,
            flags_version=version,
            ttl_s=ttl_s,
        )
        return Bootstrap(aged(made, age_s=age_s, at_ms=int(now * 1000)).decode())

    def flags_version(self, snapshot: Snapshot) -> str:
        """Return the flags version that pages are shown of *snapshot*."""
        return self._of(snapshot)[1]

    def _of(self, snapshot: Snapshot) -> tuple[tuple[str, ...], str]:
        """Return the keys of the client-side flags, and the flags version."""
        with self._lock:
            if snapshot is not self._snapshot:
                self._follow(snapshot)
            return self._shown

    def _follow(self, snapshot: Snapshot) -> None:
        source = items_of(snapshot)
        if self._projection is None or self._snapshot is None:
            self._projection = ClientProjection(source)
        else:
            self._projection.advance(source, difference(self._snapshot, snapshot))
        self._snapshot = snapshot
        state = self._projection.state
        keys = tuple(sorted(self._projection.client_side))
        self._shown = keys, flags_version(snapshot.revision, state.digest)


def _element(json: str, nonce: str | None) -> str:
    said = "" if nonce is None else f' nonce="{html.escape(nonce)}"'
    return f'<script type="application/json" id="{ELEMENT_ID}"{said}>{json}</script>'
