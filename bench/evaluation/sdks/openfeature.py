"""Any provider through the OpenFeature client."""

from typing import Any

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import AbstractProvider

from bench.evaluation.sdks.base import Way
from bench.evaluation.worlds import User


def through(provider: AbstractProvider, *, checked: bool = True) -> Way:
    """Return how to ask *provider* through the client; the contexts are made beforehand."""
    api.set_provider_and_wait(provider)
    client = api.get_client()
    return Way(
        "get_boolean_value(flag, False, user)",
        {"get_boolean_value": client.get_boolean_value},
        _context,
        close=_close,
        checked=checked,
    )


def _context(user: User) -> EvaluationContext:
    attributes: dict[str, Any] = dict(user)
    return EvaluationContext(attributes.pop("targetingKey"), attributes)


def _close() -> None:
    api.shutdown()
    api.clear_providers()
