"""What the output of a flag's targeting says in flagd: the name of a variant, nothing, or what is an error."""

from typing import Any

from pennon.engine.dialects.flagd.values import Run
from pennon.model import Flag, Segment


class NoVariant(Exception):
    """The targeting gives what names no variant, where the SDK answers an error."""


class Variants:
    """The variants of one flag that a targeting can name: all but one without a name, and one whose value is null."""

    def __init__(self, owner: Flag | Segment) -> None:
        variations = owner.variations if isinstance(owner, Flag) else ()
        self._names = frozenset(each.key for each in variations if each.key and each.value is not None)
        self._has_written = any(name[0] in "[{" for name in self._names)

    def named(self, run: Run, output: Any) -> str | None:
        """Return the variant that *output* names: text itself, else what Python writes for it; None for null.

        Raises `NoVariant`.
        """
        if output is None:
            return None
        name = output if isinstance(output, str) else self._written(run, output)
        if name not in self._names:
            raise NoVariant(f"{str(name)[:40]!r} is no variant")
        return name

    def _written(self, run: Run, output: Any) -> str:
        if isinstance(output, bool):
            return "true" if output else "false"
        if isinstance(output, (list, dict)):
            return str(run.weigh(output)) if self._has_written else "an array or object"
        return str(output)
