"""The authorities that this machine trusts, read once in a process.

Each client of HTTP reads them for itself, which takes 40 ms, and tests make thousands that speak plain HTTP only.
"""

import os
import ssl
from functools import cache

import httpcore2

_read = httpcore2.default_ssl_context


def read_once() -> None:
    """Have clients share what was read, as long as variables of the environment name the same."""
    httpcore2.default_ssl_context = _shared


def _shared(*, _trust_env: bool = True) -> ssl.SSLContext:
    return _by_names(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _by_names(trust_env: bool, *_names: str | None) -> ssl.SSLContext:
    return _read(_trust_env=trust_env)
