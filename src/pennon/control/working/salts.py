"""Salts: random words that vary the hash. Chance is given to services as a function, so that a test can choose."""

import secrets
from collections.abc import Callable
from typing import TypeAlias

NewSalt: TypeAlias = Callable[[], str]
_BYTES = 6


def random_salt() -> str:
    """Return a new salt: eight characters of `[A-Za-z0-9_-]`, 48 random bits."""
    return secrets.token_urlsafe(_BYTES)
