"""A flag's targeting taken apart into rules that people can read: the branches of `if`, and what each of them serves.

What is no branch, no variant and no `fractional` that a split can say is asked about as a whole, once for each variant;
so nothing is left out, and the answers are the same either way.
"""

from collections.abc import Collection, Sequence
from typing import TypeAlias

from pennon.importers.flagd.conditions import conditions, is_scalar, is_true, parts, verdict
from pennon.importers.flagd.splitting import split_of, written
from pennon.model import Condition, Json, Rule, Serve

Under: TypeAlias = tuple[Condition, ...]


class Targeting:
    """The rules and the fallthrough that a targeting becomes.

    *variants* are those that it may name; *default* is the variation that is served where it gives nothing, None where
    that is an error, as a default variant that is not there is. *spare* is any variation, for where none is served.
    """

    def __init__(self, key: str, dialect: str, variants: Collection[str], default: str | None, spare: str) -> None:
        self._key = key
        self._dialect = dialect
        self._variants = variants
        self._default = default
        self._spare = default or spare
        self._rules: list[tuple[Under, Serve]] = []
        self._fallthrough: Serve | None = None

    def taken_apart(self, logic: Json) -> tuple[tuple[Rule, ...], Serve]:
        """Return the rules and the fallthrough for *logic*."""
        self._take(logic, ())
        return self._result()

    def as_whole(self, logic: Json) -> tuple[tuple[Rule, ...], Serve]:
        """Return rules that ask about *logic* as a whole, for each variant."""
        self._ask(logic, ())
        return self._result()

    def _result(self) -> tuple[tuple[Rule, ...], Serve]:
        rules = tuple(Rule(f"r{index}", under, serve) for index, (under, serve) in enumerate(self._rules, 1))
        return rules, self._fallthrough or Serve(self._spare)

    def _take(self, logic: Json, under: Under) -> None:
        """Write what those get for whom the conditions *under* hold."""
        name, args = parts(logic)
        if name in {"if", "?:"}:
            self._branch(args, under)
        elif logic is None:
            self._serve_default(under)
        elif is_scalar(logic):
            self._serve_named(written(logic), under)
        elif name == "fractional" and self._default is not None:
            split = split_of(args, self._dialect, self._key, self._variants, self._default)
            self._ask(logic, under) if split is None else self._serve(Serve(split=split), under)
        else:
            self._ask(logic, under)

    def _branch(self, args: Sequence[Json], under: Under) -> None:
        for index in range(0, len(args) - 1, 2):
            known = is_true(args[index])
            if known:
                self._take(args[index + 1], under)
                return
            if known is None:
                self._take(args[index + 1], (*under, *conditions(args[index])))
        self._take(args[-1] if len(args) % 2 else None, under)

    def _ask(self, logic: Json, under: Under) -> None:
        others = [variant for variant in self._variants if variant != self._default]
        for variant in others:
            self._serve(Serve(variant), (*under, verdict(logic, variant)))
        if not others and self._default is not None:
            self._serve(Serve(self._default), (*under, verdict(logic, self._default)))  # which may be an error
        self._serve_default(under)

    def _serve_named(self, variant: str, under: Under) -> None:
        if variant in self._variants:
            self._serve(Serve(variant), under)
        else:
            self._fail(variant, under)

    def _serve_default(self, under: Under) -> None:
        if self._default is not None:
            self._serve(Serve(self._default), under)
        else:
            self._fail("", under)

    def _fail(self, variant: str, under: Under) -> None:
        """Write a rule that is an error: whether what is no variant is none."""
        self._rules.append(((*under, verdict(variant, None)), Serve(self._spare)))

    def _serve(self, serve: Serve, under: Under) -> None:
        if under:
            self._rules.append((under, serve))
        else:
            self._fallthrough = serve
