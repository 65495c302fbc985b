"""Commands on webhooks: make, alter, rotate the secret, delete, test, and send again what did not arrive."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from pennon.control.changes.summary import place_of
from pennon.control.clock import Clock
from pennon.control.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed
from pennon.control.log import (
    INSTALLATION,
    Actor,
    ChangeLog,
    Idempotency,
    Outcome,
    Reading,
    Stored,
    Writing,
    outcome_of,
)
from pennon.control.naming import accept, key_problems, name_problems
from pennon.control.projects.views import project as find_project
from pennon.control.webhooks.addresses import Network, target_of, url_problems
from pennon.control.webhooks.deliveries import Delivery, DeliveryState, DeliveryStore, Line
from pennon.control.webhooks.messages import body_of, ping_message
from pennon.control.webhooks.models import KIND, MOST, PING, Format, Webhook, wish_problems
from pennon.control.webhooks.retrying import Circuit
from pennon.control.webhooks.signatures import new_secret
from pennon.control.webhooks.vault import Contents, SigningSecret, Vault
from pennon.control.webhooks.views import webhook as find_webhook
from pennon.model import Problem, pointer


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a webhook. No URL: the one that it has."""

    url: str | None = None
    format: Format = "pennon"
    events: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    production_only: bool = False
    enabled: bool = True
    description: str = ""


class MadeWebhook(msgspec.Struct, frozen=True):
    """A webhook, and its new secret, which is told this once; None where the command had been accepted before."""

    webhook: Webhook
    secret: str | None
    outcome: Outcome


class _Command(msgspec.Struct, frozen=True):
    """Who commands something, why, under which key, and on what condition."""

    by: Actor
    why: str
    idempotency: Idempotency | None
    expected: int | None


class WebhookService:
    """Keeps the webhooks of projects and of the installation: *owner* is the log that they are in."""

    def __init__(
        self, log: ChangeLog, clock: Clock, vault: Vault, store: DeliveryStore, allowed: Sequence[Network] = ()
    ) -> None:
        self._log = log
        self._clock = clock
        self._vault = vault
        self._store = store
        self._allowed = allowed

    def create_webhook(  # which, what is wanted of it, and who
        self, owner: str, key: str, wish: Wish, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> MadeWebhook:
        """Make a webhook. It hears of what happens from now on. Raises `Invalid`, `NotFound`, `AlreadyExists`."""
        accept([*key_problems(key), *name_problems("", wish.description), *self._problems(owner, wish)])
        secret = new_secret()
        with self._kept(owner, key, Contents(wish.url or "", (SigningSecret(secret),))) as vault:
            made = self._as_wished(key, wish, vault)
            with self._log.writing(owner, by=by, action="createWebhook", why=why, idempotency=idempotency) as writing:
                if not writing.replayed:
                    writing.open(owner)
                    self._require_place(writing, owner, key)
                    accept(_environment_problems(writing, owner, wish.environments))
                    writing.put(owner, KIND, made)
            return self._made(writing, owner, key, None if writing.replayed else secret)

    def change_webhook(  # noqa: PLR0913  # which, what is wanted of it, on what condition, and who
        self,
        owner: str,
        key: str,
        wish: Wish,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Have a webhook be as wished. One that was disabled hears of what happens from now on.

        Raises `Invalid`, `NotFound` and `PreconditionFailed`.
        """
        accept([*name_problems("", wish.description), *self._problems(owner, wish, known=True)])
        with self._log.reading() as reading:
            known = find_webhook(reading, owner, key)
        command = _Command(by, why, idempotency, expected)
        contents = self._vault.open(known.vault) if wish.url is not None else None
        if contents is None or contents.url == wish.url:
            return self._alter(owner, known, replace(wish, url=None), known.vault, command)
        with self._kept(owner, key, replace(contents, url=str(wish.url))) as vault:
            return self._alter(owner, known, wish, vault, command)

    def rotate_secret(  # which, for how long both sign, and who
        self,
        owner: str,
        key: str,
        *,
        overlap: timedelta,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> MadeWebhook:
        """Sign by a new secret, and for *overlap* by the present one too. Raises `NotFound` and `Conflict`."""
        with self._log.reading() as reading:
            known = find_webhook(reading, owner, key)
        contents, secret, now = self._vault.open(known.vault), new_secret(), self._clock.now()
        ends = int((now + overlap).timestamp())
        old = [SigningSecret(each, ends) for each in contents.keys(now)[:1] if overlap]
        with self._kept(owner, key, replace(contents, secrets=(SigningSecret(secret), *old))) as vault:
            with self._log.writing(
                owner, by=by, action="rotateWebhookSecret", why=why, idempotency=idempotency
            ) as writing:
                if not writing.replayed:
                    current = find_webhook(writing, owner, key)
                    _require_vault(current, known)
                    writing.put(owner, KIND, replace(current, vault=vault))
            return self._made(writing, owner, key, None if writing.replayed else secret)

    def delete_webhook(
        self,
        owner: str,
        key: str,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Delete a webhook, and what was to be delivered to it. Raises `NotFound` and `PreconditionFailed`."""
        known: Webhook | None = None
        with self._log.writing(owner, by=by, action="deleteWebhook", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                known = find_webhook(writing, owner, key)
                _require_version(known, expected)
                writing.delete(owner, KIND, key)
        if known is not None:
            self._vault.forget(known.vault)
            self._store.forget(known.line)
        return outcome_of(writing, owner, (KIND, key))

    def url(self, webhook: Webhook) -> str | None:
        """Return where a webhook leads; None where that cannot be opened."""
        try:
            return self._vault.open(webhook.vault).url
        except Conflict:
            return None

    def circuit(self, webhook: Webhook) -> Circuit:
        """Return how a webhook's endpoint has been doing."""
        return self._store.circuit(webhook.line)

    def tally(self, webhooks: Sequence[Webhook]) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return, by their keys, how many deliveries of *webhooks* wait, arrived, or are dead."""
        counts = self._store.tally([each.line for each in webhooks])
        return {each.key: counts.get(each.line, {}) for each in webhooks}

    def test(self, owner: str, key: str, *, idempotency: Idempotency | None = None) -> Delivery:
        """Have a test be delivered, and return the delivery. Raises `NotFound`, and `Conflict` for a disabled one."""
        with self._log.reading() as reading:
            found = find_webhook(reading, owner, key)
        if not found.enabled:
            raise Conflict(f"webhook {key!r} is disabled", mend="enable it first")
        now, line = self._clock.now(), Line(found.line, owner, key)
        body = body_of(ping_message(now), found.format)
        source = f"ping:{secrets.token_hex(8) if idempotency is None else idempotency.key}"
        delivery = Delivery.of(line, source, PING, body, now)
        # Who tests waits for the answer: one that failed is not tried for a day.
        delivery = replace(delivery, until=now)
        self._store.add(line, delivery)
        return self._store.find(line.name, delivery.id) or delivery

    def deliveries(
        self, owner: str, key: str, *, state: DeliveryState | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return what was, or is to be, delivered, the newest first. Raises `NotFound`."""
        with self._log.reading() as reading:
            found = find_webhook(reading, owner, key)
        return self._store.list(found.line, state=state, after=after, limit=limit)

    def delivery(self, owner: str, key: str, identity: str) -> Delivery:
        """Return one delivery. Raises `NotFound`."""
        with self._log.reading() as reading:
            line = find_webhook(reading, owner, key).line
        if (found := self._store.find(line, identity)) is None:
            raise NotFound("delivery", identity, mend="they are kept for 30 days")
        return found

    def redeliver(self, owner: str, key: str, *, identity: str | None = None) -> int:
        """Send one delivery again, or all dead ones; return how many. Raises `NotFound`, and `Conflict` if disabled."""
        if identity is not None:
            self.delivery(owner, key, identity)
        with self._log.reading() as reading:
            found = find_webhook(reading, owner, key)
        if not found.enabled:
            raise Conflict(f"webhook {key!r} is disabled", mend="enable it first")
        return self._store.redeliver(found.line, self._clock.now(), identity=identity)

    def _alter(self, owner: str, known: Webhook, wish: Wish, vault: str, command: "_Command") -> Outcome:
        key, action = known.key, "changeWebhook"
        with self._log.writing(
            owner, by=command.by, action=action, why=command.why, idempotency=command.idempotency
        ) as writing:
            if not writing.replayed:
                current = find_webhook(writing, owner, key)
                _require_version(current, command.expected)
                _require_vault(current, known)
                accept(_environment_problems(writing, owner, wish.environments, had=current.environments))
                altered = self._as_wished(key, wish, vault)
                since = altered.since if wish.enabled and not current.enabled else current.since
                host = altered.host if wish.url is not None else current.host
                writing.put(owner, KIND, replace(altered, line=current.line, since=since, host=host))
            stored = writing.item(owner, KIND, key)
        return outcome_of(writing, owner, (KIND, key), unchanged=stored)

    def _as_wished(self, key: str, wish: Wish, vault: str) -> Webhook:
        return Webhook(
            key=key,
            host=target_of(wish.url).origin if wish.url else "",
            format=wish.format,
            events=tuple(dict.fromkeys(wish.events)),
            environments=tuple(dict.fromkeys(wish.environments)),
            production_only=wish.production_only,
            enabled=wish.enabled,
            description=wish.description,
            since=self._clock.now(),
            line=secrets.token_hex(8),
            vault=vault,
        )

    def _problems(self, owner: str, wish: Wish, *, known: bool = False) -> Iterator[Problem]:
        if wish.url is not None or not known:
            yield from url_problems(wish.url or "", self._allowed)
        yield from wish_problems(owner, wish.events, wish.environments)

    def _require_place(self, writing: Writing, owner: str, key: str) -> None:
        if owner != INSTALLATION:
            find_project(writing, place_of(owner)[0] or "")
        if writing.item(owner, KIND, key) is not None:
            raise AlreadyExists("webhook", key)
        if writing.count(owner, KIND) >= MOST:
            raise Conflict(f"there are {MOST} webhooks already", mend="delete one that nobody needs")

    @contextmanager
    def _kept(self, owner: str, key: str, contents: Contents) -> Iterator[str]:
        """Give the name of *contents*, kept before it is in the log; what the log names no more is forgotten after."""
        with self._log.reading() as reading:
            before = _vault_of(reading, owner, key)
        name = self._vault.keep(contents)
        try:
            yield name
        finally:
            with self._log.reading() as reading:
                current = _vault_of(reading, owner, key)
            for each in {name, before} - {current, None}:
                self._vault.forget(str(each))

    def _made(self, writing: Writing, owner: str, key: str, secret: str | None) -> MadeWebhook:
        outcome = outcome_of(writing, owner, (KIND, key))
        if outcome.item is None:
            raise NotFound("webhook", key)
        return MadeWebhook(outcome.item.read(Webhook), secret, outcome)


def _vault_of(reading: Reading, owner: str, key: str) -> str | None:
    stored: Stored | None = reading.item(owner, KIND, key)
    return None if stored is None else stored.read(Webhook).vault


def _environment_problems(
    reading: Reading, owner: str, names: Sequence[str], *, had: Sequence[str] = ()
) -> Iterator[Problem]:
    """Yield what is wrong with environments that a webhook is to hear of. One that it *had* may be gone by now."""
    for at, name in enumerate(names):
        if name not in had and reading.item(owner, "environment", name) is None:
            message, mend = f"there is no environment {name!r}", "create it first, or leave it out"
            yield Problem(pointer("environments", at), message, mend)


def _require_version(current: Webhook, expected: int | None) -> None:
    if expected is not None and current.version != expected:
        message = f"webhook {current.key!r} is at version {current.version}, not at version {expected}"
        raise PreconditionFailed(message, current=current)


def _require_vault(current: Webhook, known: Webhook) -> None:
    if current.vault != known.vault:
        raise Conflict(f"webhook {current.key!r} is being altered by somebody else", mend="try again")
