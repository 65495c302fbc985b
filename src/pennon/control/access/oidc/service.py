"""Lets people in by an identity provider, who was tried and true when they came back with its word."""

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import structlog

from pennon.control.access.oidc.admitting import admitted
from pennon.control.access.oidc.claims import person_of
from pennon.control.access.oidc.config import ProviderConfig
from pennon.control.access.oidc.pending import Pending, Refusal, Seal
from pennon.control.access.signing_in import SignIns
from pennon.control.clock import Clock
from pennon.control.errors import PennonError, ProviderFailed, SignInRefused, SignInUnfinished
from pennon.control.log import ChangeLog

logger = structlog.get_logger(__name__)


class Begun(msgspec.Struct, frozen=True):
    """A sign-in that was begun: where the browser has to go, and what it has to keep meanwhile."""

    url: str
    kept: str


class Entered(msgspec.Struct, frozen=True):
    """Somebody who is in: the secret of his session, and the path that he wanted to see."""

    secret: str
    target: str


class ProviderSignIns:
    """Begins sign-ins, and ends them. What is between is in the browser, so any server can end what another began."""

    def __init__(self, config: ProviderConfig, *, seal: Seal, sign_ins: SignIns, log: ChangeLog, clock: Clock) -> None:
        self.config = config
        from pennon.control.access.oidc.provider import Provider  # noqa: PLC0415  # large, and most servers have none

        self._provider = Provider(config, clock)
        self._seal = seal
        self._log = log
        self._sign_ins = sign_ins
        self._clock = clock

    def begin(self, target: str) -> Begun:
        """Begin a sign-in of somebody who wants to see the path *target* then. Raises `ProviderFailed`."""
        pending = Pending.new(target, now=self._now())
        with _logged():
            return Begun(self._provider.authorization_url(pending), self._seal.close(pending))

    def finish(self, answer: Mapping[str, str], kept: str | None) -> Entered:
        """Let in who comes back with the provider's *answer*, and with what his browser *kept*.

        Raises `SignInUnfinished`, `SignInRefused` and `ProviderFailed`.
        """
        with _logged():
            return self._finished(answer, kept)

    def refusal_code(self, error: PennonError, *, status: int) -> str:
        """Return a code by which the sign-in page knows, for ten minutes, why somebody was not let in."""
        told = Refusal(message=error.message, mend=error.mend, status=status, time=self._now())
        return self._seal.close_refusal(told)

    def refusal(self, code: str) -> Refusal | None:
        """Return what a code says; None for one that this installation did not make, or long ago."""
        return self._seal.open_refusal(code, now=self._now())

    def _finished(self, answer: Mapping[str, str], kept: str | None) -> Entered:
        if kept is None:
            raise SignInUnfinished("this sign-in was begun elsewhere, or is over already", mend="begin again")
        pending = self._seal.open(kept, now=self._now())
        if not hmac.compare_digest(answer.get("state", "").encode(errors="replace"), pending.state.encode()):
            raise SignInUnfinished("this answer belongs to another sign-in", mend="begin again")
        if answer.get("iss", self.config.issuer) != self.config.issuer:  # RFC 9207
            raise ProviderFailed("the answer is another identity provider's", mend="begin again")
        if "error" in answer:
            raise _told(answer["error"])
        if not answer.get("code"):
            raise SignInUnfinished("the provider's answer has no code", mend="begin again")
        person = person_of(self._provider.claims(answer["code"], pending), self.config)
        account = admitted(self._log, person)
        if account.disabled:
            raise SignInRefused(f"the account {account.key} is disabled here", mend="ask an administrator")
        return Entered(self._sign_ins.let_in(account, how="provider"), pending.target)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except PennonError as error:
        logger.warning("a sign-in by the identity provider failed", error=str(error))
        raise


def _told(error: str) -> PennonError:
    """Return what an error of the provider's means. It comes in a link, which anybody can write: nothing is shown."""
    if error == "access_denied":
        return SignInRefused("the provider did not let you in, or you did not want it to", mend="begin again")
    if error in ("temporarily_unavailable", "server_error"):
        return ProviderFailed("the identity provider cannot let anybody in now", mend="try again")
    return ProviderFailed("the identity provider refuses this server's question", mend="check how it knows this server")
