"""Delivers what is due: some workers, each of which tends one line at a time.

A worker claims a line in the storage, so that servers share the work, and a dead endpoint holds one worker at a time,
for seconds. In a line the oldest comes first; what failed is tried later, when newer ones may have arrived: the order
is kept where nothing fails.
"""

import random
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from pennon.control.clock import Clock
from pennon.control.errors import Conflict, PennonError
from pennon.control.log import SYSTEM, ChangeLog
from pennon.control.webhooks.deliveries import Claim, Delivery, DeliveryStore
from pennon.control.webhooks.metrics import WebhookMetrics
from pennon.control.webhooks.models import KIND, PING, Webhook
from pennon.control.webhooks.retrying import Circuit, next_try
from pennon.control.webhooks.sending import Answer, Post
from pennon.control.webhooks.signatures import signed_headers
from pennon.control.webhooks.vault import Vault
from pennon.control.webhooks.views import find_webhook

WORKERS = 8
CLAIM = timedelta(seconds=10)
"""So long after a server was killed others tend its lines. One that lives keeps its claims whenever it looks around."""
HUNG = timedelta(seconds=60)
"""A worker that got nowhere for so long hangs, as in a resolver, and its line is left to others."""
_MOST_IN_A_ROW = 100
"""Then another line has a turn."""
_STOP_S = 5.0

_log = structlog.get_logger(__name__)


def settled(
    delivery: Delivery, answer: Answer, circuit: Circuit, now: datetime, chance: Callable[[], float]
) -> tuple[Delivery, Circuit]:
    """Return how a delivery and its line stand after an attempt that got *answer*."""
    tried = replace(delivery, attempts=delivery.attempts + 1, status=answer.status, said=answer.said)
    if answer.is_success:
        return replace(tried, state="delivered", ended=now), circuit.succeeded()
    circuit = circuit.failed(now, chance())
    again = next_try(tried.attempts, now, delivery.until, chance=chance(), retry_after=answer.retry_after)
    if again is None or answer.is_gone:
        return replace(tried, state="dead", ended=now), circuit
    return replace(tried, due=again), circuit


class Delivering:
    """Sends deliveries. `start` returns at once; the workers end when nothing is due."""

    def __init__(  # what a delivery needs
        self,
        log: ChangeLog,
        store: DeliveryStore,
        vault: Vault,
        post: Post,
        clock: Clock,
        *,
        workers: int = WORKERS,
    ) -> None:
        self.metrics = WebhookMetrics()
        self._log = log
        self._store = store
        self._vault = vault
        self._post = post
        self._clock = clock
        self._most = workers
        self._lock = threading.Lock()
        self._workers: set[threading.Thread] = set()
        self._moved: dict[str, datetime] = {}  # by claimant: when its worker came to another delivery
        self._stopped = threading.Event()

    @property
    def is_idle(self) -> bool:
        """Whether no worker is at it."""
        with self._lock:
            return not self._workers

    def start(self) -> datetime | None:
        """Have what is due delivered, keep the claims of who is at it, and return when something is due next."""
        self._hold()
        due = self._store.next_due()
        if due is not None and due <= self._clock.now():
            with self._lock:
                if not self._stopped.is_set() and len(self._workers) < self._most:
                    self._hire()
        return due

    def stop(self) -> None:
        """Deliver no more. What is on its way is cut off, and sent again by whoever comes next."""
        with self._lock:
            self._stopped.set()
            workers = list(self._workers)
        self._post.stop()
        for worker in workers:
            worker.join(_STOP_S)

    def _hold(self) -> None:
        now = self._clock.now()
        with self._lock:
            moving = [claimant for claimant, at in self._moved.items() if now - at < HUNG]
        if moving:
            self._store.hold_all(moving, now + CLAIM)

    def _hire(self) -> None:
        # A daemon: a resolver that hangs must not keep the process.
        worker = threading.Thread(target=self._work, name="pennon-webhooks", daemon=True)
        self._workers.add(worker)
        worker.start()

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                now = self._clock.now()
                claim = self._store.claim(secrets.token_hex(16), now, now + CLAIM)
                if claim is None:
                    return
                with self._lock:  # there was something for this one, so there may be for another
                    if not self._stopped.is_set() and len(self._workers) < self._most:
                        self._hire()
                try:
                    self._tend(claim)
                finally:
                    with self._lock:
                        self._moved.pop(claim.claimant, None)
                self._store.release(claim)
        except PennonError as error:
            _log.warning("webhooks wait", error=str(error))  # the claim runs out, and somebody goes on
        except Exception as error:  # noqa: BLE001  # the boundary of a worker: others go on, and so does the claim's line
            _log.error("a worker for webhooks failed", error=str(error), exc_info=True)
        finally:
            with self._lock:
                self._workers.discard(threading.current_thread())

    def _tend(self, claim: Claim) -> None:
        circuit = claim.circuit
        for _ in range(_MOST_IN_A_ROW):
            if (webhook := self._webhook(claim)) is None:
                return
            now = self._clock.now()
            delivery = None if circuit.is_open(now) else self._store.first_due(claim.line.name, now)
            if delivery is None or not self._store.hold(claim, now + CLAIM):
                return
            with self._lock:
                self._moved[claim.claimant] = now
            answer = self._attempt(webhook, delivery)
            if self._stopped.is_set() and not answer.is_success:
                return
            delivery, circuit = settled(delivery, answer, circuit, self._clock.now(), random.random)
            if not self._store.record(claim, delivery, circuit):
                return
            self.metrics.attempted(answer)
            if delivery.state == "dead" and delivery.type != PING:
                _log.warning("a delivery is dead", webhook=webhook.key, owner=claim.line.owner, id=delivery.id)
            if answer.is_gone:
                self._disable(claim, webhook)

    def _webhook(self, claim: Claim) -> Webhook | None:
        """Return the webhook of a line that is to be delivered to, as it is now."""
        line = claim.line
        with self._log.reading() as reading:
            found = find_webhook(reading, line.owner, line.webhook)
        if found is None or found.line != line.name:  # it was deleted, and another may have its key
            self._store.forget(line.name)
            return None
        if not found.enabled:
            self._store.bury(line.name, "the webhook is disabled", self._clock.now())
            return None
        return found

    def _attempt(self, webhook: Webhook, delivery: Delivery) -> Answer:
        try:
            contents = self._vault.open(webhook.vault)
        except Conflict as error:
            return Answer(None, str(error))
        now = self._clock.now()
        headers = signed_headers(contents.keys(now), delivery.id, int(now.timestamp()), delivery.body)
        return self._post(contents.url, delivery.body, headers)

    def _disable(self, claim: Claim, webhook: Webhook) -> None:
        why = "its endpoint answered 410 Gone"
        owner = claim.line.owner
        with self._log.writing(owner, by=SYSTEM, action="disableWebhook", why=why) as writing:
            current = find_webhook(writing, owner, webhook.key)
            if current is not None and (current.line, current.vault) == (webhook.line, webhook.vault):
                writing.put(owner, KIND, replace(current, enabled=False))
        _log.warning("a webhook is disabled", webhook=webhook.key, owner=owner, why=why)
