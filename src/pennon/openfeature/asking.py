"""Asks a provider so that whatever it does is an answer: what it raises, and that it takes too long."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import FeatureProvider

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
        return f"{self.code.value}: {type(self.raised).__name__}: {said or ''}"

    def given(self) -> FlagResolutionDetails[Any]:
        """Return the details, or raise as the provider did."""
        if self.details is None:
            raise self.raised or TimeoutError
        return self.details


def ask(provider: FeatureProvider, question: Question) -> Answer:
    """Ask on this thread."""
    try:
        return Answer(getattr(provider, question.method)(question.flag, question.default, question.context))
    except Exception as error:  # noqa: BLE001  # boundary: another vendor's code
        return Answer(None, error)


async def ask_async(provider: FeatureProvider, question: Question, timeout_s: float | None = None) -> Answer:
    """Ask by the asynchronous method; an answer that takes longer than *timeout_s* is a `TimeoutError`."""
    try:
        asked: Awaitable[Any] = getattr(provider, f"{question.method}_async")(
            question.flag, question.default, question.context
        )
        async with asyncio.timeout(timeout_s):
            return Answer(await asked)
    except Exception as error:  # noqa: BLE001  # boundary: another vendor's code
        return Answer(None, _told(error, timeout_s))


class Callers:
    """Asks a provider that may hang, on threads of its own, and gives up waiting."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, provider: FeatureProvider, question: Question, timeout_s: float) -> Answer:
        """Ask; an answer that takes longer than *timeout_s* is a `TimeoutError`."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_CALLERS, thread_name_prefix="pennon-old-provider")
        try:
            return self._pool.submit(ask, provider, question).result(timeout_s)
        except (TimeoutError, RuntimeError) as error:  # too late; or the pool has ended
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
