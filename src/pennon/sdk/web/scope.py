"""What a request evaluates by, and where it is kept while the request runs."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, TypeAlias

import msgspec

from pennon.model import Evaluation, FlagKind, Json
from pennon.sdk._core import Core
from pennon.sdk.bootstrap import Bootstrap
from pennon.sdk.errors import SdkError
from pennon.sdk.flags import PinnedRules
from pennon.sdk.outdated import Seen, outdated

_LOG = logging.getLogger("pennon")

ContextSource: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""Who asks: a context, or a function that finds it, called when a flag is first evaluated, once."""

SeenSource: TypeAlias = Seen | Callable[[], Seen]
"""What a request says of the flags that it acts on, or a function that finds it, called when it is first asked for."""
_NOTHING = Seen()


class NoRequest(SdkError, LookupError):
    """There are no flags of a request here: nothing began one."""


class FlagsOutdated(SdkError):
    """A request acts on flags that are not any more what its page was shown: 409, and the page is to ask anew."""

    status = 409
    headers = (("content-type", "application/json"), ("cache-control", "no-store"))

    def __init__(self, flags: tuple[str, ...], flags_version: str | None) -> None:
        super().__init__(f"the page's flags are outdated: {', '.join(flags)}")
        self.flags = flags
        self.flags_version = flags_version

    @property
    def body(self) -> bytes:
        """The answer's body: JSON."""
        told = {"error": "flags_outdated", "flagsVersion": self.flags_version, "flags": self.flags}
        return msgspec.json.encode(told)


class RequestFlags:
    """Evaluates flags for who made a request, all by one rule set.

    *seen* is what the request says of the flags that it acts on.
    """

    def __init__(self, client: Core, context: ContextSource, seen: SeenSource = _NOTHING) -> None:
        self.client = client
        self._seen = seen
        self.rules: PinnedRules = client.rules()
        self._source = context
        self._found: dict[str, Any] | None = None
        self._added: dict[str, Any] = {}

    @property
    def context(self) -> dict[str, Any]:
        """The context that flags are evaluated for."""
        if self._found is None:
            self._found = {**self._find(), **self._added}
        return self._found

    @property
    def seen(self) -> Seen:
        """What the request says of the flags that it acts on."""
        if not isinstance(self._seen, Seen):
            self._seen = self._seen()
        return self._seen

    def add(self, attributes: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Add attributes to the context, or replace them: what is known of the user once there is one."""
        self._added.update(attributes or {}, **more)
        self._found = None if self._found is None else {**self._found, **self._added}

    def boolean(self, flag: str, *, default: bool = False) -> bool:
        """Return the value of the boolean *flag*."""
        return self.rules.boolean(flag, self.context, default=default)

    def string(self, flag: str, *, default: str = "") -> str:
        """Return the value of the string *flag*."""
        return self.rules.string(flag, self.context, default=default)

    def number(self, flag: str, *, default: float = 0) -> int | float:
        """Return the value of the number *flag*."""
        return self.rules.number(flag, self.context, default=default)

    def object(self, flag: str, *, default: Json = None) -> Any:
        """Return the value of the object *flag*, a copy that the caller may change."""
        return self.rules.object(flag, self.context, default=default)

    def evaluation(self, flag: str, *, default: Json = None, kind: FlagKind | None = None) -> Evaluation:
        """Return the whole result: value, variation, reason, rule, flag version, error."""
        return self.rules.evaluation(flag, self.context, default=default, kind=kind)

    def outdated(self, *flags: str, required: bool = False) -> tuple[str, ...]:
        """Return those of *flags* that the request's page saw otherwise than they are now for who asks.

        *required*: those, too, of which the request does not say what was seen. Nothing is counted. See
        `spec/outdated.md`.
        """
        return outdated(self.rules, flags, self.context, self.seen, required=required)

    def refusal(self, *flags: str, required: bool = False) -> FlagsOutdated | None:
        """Return why the request must not act on *flags*, None if it may."""
        found = self.outdated(*flags, required=required)
        if not found:
            return None
        known = self.seen.revision == self.rules.revision
        hint = "; it knows this revision: does it evaluate for another context than this process?" if known else ""
        _LOG.info("refused a request whose page's flags are outdated: %s%s", ", ".join(found), hint)
        return FlagsOutdated(found, self.client.flags_version(self.rules))

    def require_current(self, *flags: str, required: bool = False) -> None:
        """Raise `FlagsOutdated`, which the middleware answers with 409, where the request must not act on *flags*."""
        if (refusal := self.refusal(*flags, required=required)) is not None:
            raise refusal

    def bootstrap(self) -> Bootstrap:
        """Return what this request is served of the client-side flags, for the HTML of its page."""
        return self.client.bootstrap(self.context, rules=self.rules)

    def track(self, key: str, *, value: float = 1.0, by: str = "targetingKey") -> bool:
        """Report that *value* was measured for this request's unit."""
        return self.client.track(key, self.context, value=value, by=by)

    def _find(self) -> Mapping[str, Any]:
        if not callable(self._source):
            return self._source
        try:
            return self._source()
        except Exception:  # noqa: BLE001  # boundary: a user's hook
            _LOG.exception("the function that finds a request's context raised; an empty context is used")
            return {}


# The one place that outlives a call: it belongs to the request's own thread or task.
_CURRENT: ContextVar[RequestFlags] = ContextVar("pennon_request_flags")


def request_flags() -> RequestFlags:
    """Return the flags of the request that is being served. A dependency for FastAPI as it is.

    Raises `NoRequest` where no middleware, extension or `serving` began one.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        message = "no request is being served here: add Pennon's middleware, or use pennon.sdk.web.serving"
        raise NoRequest(message) from None


@contextmanager
def serving(client: Core, context: ContextSource, seen: SeenSource = _NOTHING) -> Iterator[RequestFlags]:
    """Begin a request for *context*, and end it with the block. *seen* is what it says of the flags it acts on."""
    flags, token = begin(client, context, seen)
    try:
        yield flags
    finally:
        end(token)


def begin(
    client: Core,
    context: ContextSource,
    seen: SeenSource = _NOTHING,
) -> tuple[RequestFlags, Token[RequestFlags]]:
    """Begin a request, for frameworks that tell of its end elsewhere."""
    flags = RequestFlags(client, context, seen)
    return flags, _CURRENT.set(flags)


def end(token: Token[RequestFlags]) -> None:
    """End a request that `begin` began."""
    _CURRENT.reset(token)


def current() -> RequestFlags | None:
    """Return the flags of the request that is being served, None if there is none."""
    return _CURRENT.get(None)
