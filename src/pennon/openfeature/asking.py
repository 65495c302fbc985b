"""Asks a provider so that whatever it does is an answer: what it raises, and that it takes too long."""

import asyncio
import logging
import os
import queue
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from copy import deepcopy
from typing import Any, NamedTuple

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import FeatureProvider

_LOG = logging.getLogger("pennon")
_WAITING = 1000
_CALLERS = 16


class Question(NamedTuple):
    """What a program asked: the provider's method by which, and its arguments."""

    method: str
    flag: str
    default: Any
    context: EvaluationContext | None


class Answer(NamedTuple):
    """What a provider answered: its details, or what it raised."""

    details: FlagResolutionDetails[Any] | None
    raised: Exception | None = None

    @property
    def code(self) -> ErrorCode | None:
        """The error code, None for an answer without error."""
        if self.details is not None:
            return self.details.error_code
        return self.raised.error_code if isinstance(self.raised, OpenFeatureError) else ErrorCode.GENERAL

    @property
    def problem(self) -> str | None:
        """What went wrong, in words."""
        if self.code is None:
            return None
        if self.details is not None:
            return f"{self.code.value}: {self.details.error_message or ''}"
        said = self.raised.error_message if isinstance(self.raised, OpenFeatureError) else self.raised
        return f"{self.code.value}: {type(self.raised).__name__}: {worded(said)}"

    def given(self) -> FlagResolutionDetails[Any]:
        """Return the details, or raise as the provider did."""
        if self.details is None:
            raise self.raised or TimeoutError
        return self.details


def worded(said: object) -> str:
    """Return *said*, or an exception, as text."""
    try:
        return str(said or "")
    except Exception:  # noqa: BLE001  # boundary: another vendor's code
        return "(without words)"


def own_context(context: EvaluationContext | None) -> EvaluationContext | None:
    """Return a context that whoever is asked may change, and that stays as it is when the caller's changes."""
    if context is None:
        return None
    try:
        attributes = {
            name: deepcopy(value) if isinstance(value, dict | list) else value
            for name, value in context.attributes.items()
        }
    except Exception:  # noqa: BLE001  # boundary: the caller's objects, which may not be copied or lie too deep
        attributes = dict(context.attributes)
    return EvaluationContext(context.targeting_key, attributes)


def _answered(details: Any) -> Answer:
    """Return what a provider answered. Raises where that is no answer, of a code that the standard has."""
    answer = Answer(details)
    answer.problem, details.value  # noqa: B018  # looked at here, where what they raise is an answer, too
    return answer


def ask(provider: FeatureProvider, question: Question) -> Answer:
    """Ask on this thread."""
    try:
        return _answered(getattr(provider, question.method)(question.flag, question.default, question.context))
    except Exception as error:  # noqa: BLE001  # boundary: another vendor's code
        return Answer(None, error)


async def ask_async(provider: FeatureProvider, question: Question, timeout_s: float | None = None) -> Answer:
    """Ask by the asynchronous method; an answer that takes longer than *timeout_s* is a `TimeoutError`."""
    try:
        asked: Awaitable[Any] = getattr(provider, f"{question.method}_async")(
            question.flag, question.default, question.context
        )
        async with asyncio.timeout(timeout_s):
            return _answered(await asked)
    except Exception as error:  # noqa: BLE001  # boundary: another vendor's code
        return Answer(None, _told(error, timeout_s))


class Callers:
    """Asks a provider that may hang, on threads of its own, and gives up waiting."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def ask(self, provider: FeatureProvider, question: Question, timeout_s: float) -> Answer:
        """Ask; an answer that takes longer than *timeout_s* is a `TimeoutError`."""
        if self._pool is None or self._process != os.getpid():  # none yet, or this process was forked
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(_CALLERS, thread_name_prefix="pennon-old-provider")
        try:
            return self._pool.submit(ask, provider, question).result(timeout_s)
        except (TimeoutError, CancelledError, RuntimeError) as error:  # too late; or the pool has ended
            return Answer(None, _told(error, timeout_s))

    def stop(self) -> None:
        """Start no more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _told(error: Exception, timeout_s: float | None) -> Exception:
    return TimeoutError(f"no answer within {timeout_s:g} s") if isinstance(error, TimeoutError) and timeout_s else error


class Background:
    """Does jobs, which raise nothing, on a thread of its own, started with the first. A full queue takes no more."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def put(self, job: Callable[[], object]) -> bool:
        """Have *job* done later. Return False where too many wait."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # none yet, or this process was forked
                self._jobs = queue.Queue(_WAITING)
                self._thread = threading.Thread(target=_work, args=(self._jobs,), name="pennon-shadow", daemon=True)
                self._thread.start()
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                return False
            return True

    def stop(self, timeout_s: float = 1.0) -> None:
        """Do what waits, within the time, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None or not thread.is_alive():
                return
            try:
                self._jobs.put(None, timeout=timeout_s)
            except queue.Full:
                return
        thread.join(timeout_s)


def _work(jobs: "queue.Queue[Callable[[], object] | None]") -> None:
    while (job := jobs.get()) is not None:
        job()


def failure(call: Callable[[], object], *, told: str = "") -> Exception | None:
    """Do what *call* does, and return what it raised: it is another vendor's code, or the user's. *told*: log it.

    What it says is not logged, for it may quote the context: where it was raised is.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001  # boundary: the caller of an evaluation gets an answer all the same
        if told:
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{place.filename}:{place.lineno}"
            _LOG.error("shadow mode: %s failed: %s at %s", told, type(error).__name__, at)
        return error
    return None
