"""Asks flagd's dialects in few words."""

from typing import Any

from pennon.engine.dialects.flagd.logic import Compiler
from pennon.engine.dialects.flagd.values import Run
from pennon.engine.dialects.flagd.variants import Variants
from pennon.model import Compat, Flag, Serve, Variation

NOW = 1_700_000_000.75


def owner(**variations: Any) -> Flag:
    """Return a flag of flagd's with these variations."""
    found = tuple(Variation(key, value) for key, value in (variations or {"a": 1, "b": 2, "nothing": None}).items())
    return Flag("frac", found, True, Serve(found[0].key), salt="frac", compat=Compat("flagd", "v2"))


def given(logic: Any, dialect: str = "v2", /, now: float | None = NOW, **context: Any) -> Any:
    """Return what *logic* gives for a context."""
    node = Compiler(dialect, "frac", Variants(owner())).expression(logic)
    return node.call(context, Run(context, now, "frac"))
