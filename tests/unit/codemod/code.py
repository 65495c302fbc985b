"""Python source for tests of the codemod, and what removing a flag makes of it."""

import textwrap
from collections.abc import Mapping
from typing import Any

from pennon.codemod import Conventions
from pennon.codemod.python_calls import read_module
from pennon.codemod.removal import Kept, Rewritten, rewrite


def source(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def removed(
    text: str,
    value: Any = True,
    *,
    variation: str = "on",
    flag: str = "k",
    conventions: Mapping[str, Any] | None = None,
) -> Rewritten:
    code = source(text)
    named = Conventions(**(conventions or {}))
    return rewrite(code, read_module(code, "shop.views", named).calls, Kept("k", variation, value), named)


def becomes(before: str, after: str, value: Any = True, **rest: Any) -> None:
    """Assert that removing the flag `k` makes *after* of *before*, and that doing it again changes nothing."""
    done = removed(before, value, **rest)
    assert done.text == source(after)
    assert removed(done.text, value, **rest).text == done.text


def reasons(before: str, value: Any = True, **rest: Any) -> list[str]:
    return [note.reason for note in removed(before, value, **rest).notes]
