"""What schemathesis must know of the API beyond its description. Loaded by schemathesis, not by pytest."""

import ast
import gc
import sys
import threading
from typing import Any

import schemathesis

if sys.version_info < (3, 11, 8):
    # There, ast.parse fails ("recursion depth mismatch") when another thread or a finalizer parses at the same time
    # (CPython gh-106905), and hypothesis parses the source of each lambda that it shows.
    _parse, _parsing = ast.parse, threading.RLock()

    def _parse_alone(*arguments: Any, **named: Any) -> Any:
        with _parsing:
            collecting = gc.isenabled()
            gc.disable()
            try:
                return _parse(*arguments, **named)
            finally:
                if collecting:
                    gc.enable()

    ast.parse = _parse_alone


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Write 394.0 as 394: to JSON Schema it is an integer, to the API it is not."""
    return _whole(body)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value
