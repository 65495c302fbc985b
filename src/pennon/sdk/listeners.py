"""Calling whom the application wants to have told."""

import logging
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger("pennon")


def remove(listeners: list[Any], listener: object) -> None:
    """Take *listener* off the list if it is on it."""
    if listener in listeners:
        listeners.remove(listener)


def call(listener: Callable[[Any], None], news: Any) -> None:
    """Tell *listener* the *news*. What it raises is logged."""
    try:
        listener(news)
    except Exception:  # noqa: BLE001  # boundary: a user's hook
        _LOG.exception("a listener raised; the client is not concerned")
