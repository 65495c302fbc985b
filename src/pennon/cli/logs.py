"""Sets up the log of a process: one line an event on standard error, without secrets or controls."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

_SECRET = re.compile(r"(pennon_(?:server|client|edge|token|signing)_|whsec_)[A-Za-z0-9_+/=-]{8,}")
_REDACTED = r"\1…"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_TRACEBACK = "exception"


def set_up_logs(*, level: str, form: Literal["auto", "json", "console"], stream: TextIO | None = None) -> None:
    """Send everything that is logged, also by libraries, to *stream* (standard error), from *level* on."""
    out = stream or sys.stderr
    is_console = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # A traceback is text before it is searched for secrets, and never has the values of variables.
    console = structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
    renderer: list[Processor] = [
        structlog.processors.format_exc_info,
        clean,
        console if is_console else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The server logs each request itself, with its id; the libraries' own news is debugging.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # or a process could never be told otherwise again, and tests tell it
    )


def clean(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut secrets out of every text of *event*, and what could forge a line or play with a terminal.

    Neither should come here; this is for the day when one does. Only a traceback has lines.
    """
    for name, value in event.items():
        if isinstance(value, str):
            control = _CONTROL_BUT_LINES if name == _TRACEBACK else _CONTROL
            event[name] = control.sub(_written, _SECRET.sub(_REDACTED, value))
    return event


def _written(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
