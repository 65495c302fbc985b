"""Folds expressions of which a part is known: `not`, `and`, `or`, comparisons, ternaries, filters, f-strings."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import libcst as cst

from pennon.codemod.conventions import Conventions
from pennon.codemod.removal.kept import Constant, literal
from pennon.codemod.removal.marks import Marks
from pennon.codemod.removal.purity import is_boolean, is_pure
from pennon.codemod.removal.sites import Asked, Left, Named, Site

_COMPARED: Mapping[type[cst.BaseCompOp], Callable[[Any, Any], Any]] = {
    cst.Equal: operator.eq,
    cst.NotEqual: operator.ne,
    cst.Is: operator.is_,
    cst.IsNot: operator.is_not,
    cst.LessThan: operator.lt,
    cst.LessThanEqual: operator.le,
    cst.GreaterThan: operator.gt,
    cst.GreaterThanEqual: operator.ge,
    cst.In: lambda left, right: left in right,
    cst.NotIn: lambda left, right: left not in right,
}
_OTHER = {'"': "'", "'": '"'}
_BY_IDENTITY = (cst.Is, cst.IsNot)


class FoldExpressions(cst.CSTTransformer):
    """Folds what follows from known nodes, from the inside to the outside. Nothing that is not known is touched."""

    def __init__(
        self, marks: Marks, conventions: Conventions, sites: Mapping[int, Site], names: Mapping[int, Constant]
    ) -> None:
        super().__init__()
        self.marks = marks
        self.conventions = conventions
        self._sites = sites
        self._names = names
        self._awaited: set[int] = set()
        self._empty: set[int] = set()
        self._kept: list[cst.CSTNode] = []
        self._tests: set[int] = set()
        self._quotes: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note which children are only asked whether they are true, before they are visited."""
        for test in _tests_of(node, is_test=id(node) in self._tests):
            self._tests.add(id(test))
        if isinstance(node, cst.FormattedString):
            self._quotes.append(node.end[0])
        elif isinstance(node, cst.Await):
            self._awaited.add(id(node.expression))
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> Any:
        """Carry over what is known: a visit makes each node anew."""
        self.marks.carry(original_node, updated_node)
        if isinstance(original_node, cst.FormattedString):
            self._quotes.pop()
        result = super().on_leave(original_node, updated_node)
        if result is not updated_node and isinstance(result, type(original_node)):
            self.marks.carry(updated_node, result)
        return result

    @property
    def quote(self) -> str | None:
        """The quote that strings must have here: inside of an f-string the other one."""
        return _OTHER[self._quotes[-1]] if self._quotes else None

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:  # noqa: N802  # libcst's
        """Replace a local variable that is known."""
        constant = self._names.get(id(original_node))
        if constant is None:
            return updated_node
        if constant.is_evaluation:
            return self.marks.know(updated_node, constant)
        return self.marks.in_place_of(updated_node, self.marks.known(constant, self.quote))

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:  # noqa: N802
        """Fold `.value` and `.variation` of an evaluation."""
        whole = self.marks.constant(updated_node.value)
        if whole is not None and (member := whole.member(updated_node.attr.value)) is not None:
            return self.marks.in_place_of(updated_node, self.marks.known(member, self.quote))
        if whole is not None and isinstance(updated_node.value, cst.Integer) and not updated_node.value.lpar:
            inner = updated_node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])  # 5.real is none
            return updated_node.with_changes(value=self.marks.know(inner, whole))
        return updated_node

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:  # noqa: N802
        """Drop the `await` of what is known."""
        if self.marks.constant(updated_node.expression) is None:
            return updated_node
        return self.marks.in_place_of(updated_node, updated_node.expression)

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:  # noqa: N802
        """Fold an item of an object that the source names."""
        whole = self.marks.value(updated_node.value)
        if whole is None or len(updated_node.slice) != 1 or not isinstance(updated_node.slice[0].slice, cst.Index):
            return updated_node
        index = literal(updated_node.slice[0].slice.value)
        if index is None:
            return updated_node
        try:
            item = Constant(whole.value[index.value])
        except (LookupError, TypeError):
            return updated_node
        return self.marks.in_place_of(updated_node, self.marks.known(item, self.quote))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:  # noqa: N802
        """Replace a call that asks for the flag, and fold `bool(…)`."""
        site = self._sites.get(id(original_node))
        if isinstance(site, Asked):
            return self._answered(original_node, updated_node, site)
        if isinstance(site, Left):
            return self.marks.leave(updated_node, site.reason)
        if isinstance(site, Named):
            return self._without(updated_node, site)
        is_bool = isinstance(updated_node.func, cst.Name) and updated_node.func.value == "bool"
        if not is_bool or len(updated_node.args) != 1 or updated_node.args[0].star or updated_node.args[0].keyword:
            return updated_node
        return self._known_or(updated_node, self.marks.value(updated_node.args[0].value), bool)

    def leave_UnaryOperation(  # noqa: N802
        self, original_node: cst.UnaryOperation, updated_node: cst.UnaryOperation
    ) -> cst.BaseExpression:
        """Fold `not`."""
        if not isinstance(updated_node.operator, cst.Not):
            return updated_node
        return self._known_or(updated_node, self.marks.value(updated_node.expression), operator.not_)

    def leave_BooleanOperation(  # noqa: N802
        self, original_node: cst.BooleanOperation, updated_node: cst.BooleanOperation
    ) -> cst.BaseExpression:
        """Fold `and` and `or`: one side decides, or it says nothing and the other is all."""
        left, right = updated_node.left, updated_node.right
        ends_on = isinstance(updated_node.operator, cst.Or)  # the truth of a side that decides
        if (known := self.marks.value(left)) is not None:
            return self.marks.in_place_of(updated_node, left if bool(known.value) is ends_on else right)
        if (known := self.marks.value(right)) is None:
            return updated_node
        is_test = id(original_node) in self._tests
        if bool(known.value) is ends_on:
            decides = is_pure(left, self.conventions) and (is_test or (is_boolean(left) and known.value is ends_on))
            return self.marks.in_place_of(updated_node, right) if decides else updated_node
        says_nothing = is_test or (is_boolean(left) and isinstance(known.value, bool))
        return self.marks.in_place_of(updated_node, left) if says_nothing else updated_node

    def leave_Comparison(self, original_node: cst.Comparison, updated_node: cst.Comparison) -> cst.BaseExpression:  # noqa: N802
        """Fold the comparison of what is known with what the source names."""
        if len(updated_node.comparisons) != 1:
            return updated_node
        target = updated_node.comparisons[0]
        left, right = updated_node.left, target.comparator
        if self.marks.value(left) is None and self.marks.value(right) is None:
            return updated_node
        values = self._values(left), self._values(right)
        if values[0] is None or values[1] is None:
            return updated_node
        if isinstance(target.operator, _BY_IDENTITY) and not all(_is_single(each.value) for each in values if each):
            return updated_node
        try:
            answer = bool(_COMPARED[type(target.operator)](values[0].value, values[1].value))
        except TypeError:  # 3 < "a" raises, as it always did
            return updated_node
        return self.marks.in_place_of(updated_node, self.marks.known(Constant(answer)))

    def leave_IfExp(self, original_node: cst.IfExp, updated_node: cst.IfExp) -> cst.BaseExpression:  # noqa: N802
        """Fold a ternary."""
        if (known := self.marks.value(updated_node.test)) is None:
            return updated_node
        return self.marks.in_place_of(updated_node, updated_node.body if known.value else updated_node.orelse)

    def leave_CompFor(self, original_node: cst.CompFor, updated_node: cst.CompFor) -> cst.CompFor:  # noqa: N802
        """Drop the filters that let all pass."""
        kept = [each for each in updated_node.ifs if not self.is_true(each.test)]
        return updated_node if len(kept) == len(updated_node.ifs) else updated_node.with_changes(ifs=kept)

    def leave_FormattedStringExpression(  # noqa: N802
        self, original_node: cst.FormattedStringExpression, updated_node: cst.FormattedStringExpression
    ) -> cst.BaseFormattedStringContent:
        """Write what is known into the text, where it needs no escapes."""
        known = self.marks.value(updated_node.expression)
        is_formatted = updated_node.conversion or updated_node.format_spec or updated_node.equal
        if known is None or is_formatted or not known.is_plain:
            return updated_node
        text = str(known.value)
        is_safe = text.isprintable() and not set(text) & set("{}\\'\"")
        return cst.FormattedStringText(text) if is_safe else updated_node

    def names_none(self, node: cst.CSTNode) -> bool:
        """Return whether *node* is a call that named the flag, and no other."""
        return id(node) in self._empty

    def leave_FormattedString(  # noqa: N802
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        """Write an f-string of which only text is left as a string."""
        parts = updated_node.parts
        is_text = all(isinstance(each, cst.FormattedStringText) for each in parts)
        text = "".join(each.value for each in parts if isinstance(each, cst.FormattedStringText))
        if not is_text or len(parts) == sum(isinstance(each, cst.FormattedStringText) for each in original_node.parts):
            return updated_node
        if set(text) & set("{}"):
            return updated_node
        start = updated_node.start.replace("f", "").replace("F", "")
        plain = cst.SimpleString(start + text + updated_node.end)
        return plain.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)

    def is_true(self, expression: cst.BaseExpression) -> bool:
        """Return whether *expression* is known to be true."""
        known = self.marks.value(expression)
        return known is not None and bool(known.value)

    def _answered(self, original: cst.Call, node: cst.Call, site: Asked) -> cst.BaseExpression:
        if site.is_awaited and id(original) not in self._awaited:
            return self.marks.leave(node, "it is awaited somewhere else")
        if site.constant.is_evaluation:
            return self.marks.know(node, site.constant)
        return self.marks.in_place_of(node, self.marks.known(site.constant, self.quote))

    def _without(self, node: cst.Call, site: Named) -> cst.Call:
        """Return a call that names flags without those of *site*."""
        args = [each for place, each in enumerate(node.args) if place not in site.places]
        if args:
            args[-1] = args[-1].with_changes(comma=node.args[-1].comma)
        changed = node.with_changes(args=args)
        if not any(each.keyword is None for each in args):
            self._empty.add(id(changed))
            self._kept.append(changed)  # its id is its own as long as it is kept
        return changed

    def _known_or(
        self, node: cst.BaseExpression, known: Constant | None, fold: Callable[[Any], Any]
    ) -> cst.BaseExpression:
        return node if known is None else self.marks.in_place_of(node, self.marks.known(Constant(fold(known.value))))

    def _values(self, node: cst.BaseExpression) -> Constant | None:
        """Return what *node* is: known, or a literal, or a display of literals."""
        found = self.marks.value(node) or literal(node)
        if found is not None or not isinstance(node, cst.Tuple | cst.List | cst.Set):
            return found
        parts = [literal(each.value) if isinstance(each, cst.Element) else None for each in node.elements]
        return None if None in parts else Constant([each.value for each in parts if each])


def _is_single(value: object) -> bool:
    """Return whether Python has one such value only, so that `is` asks for equality."""
    return value is None or value is True or value is False


def _tests_of(node: cst.CSTNode, *, is_test: bool) -> tuple[cst.CSTNode, ...]:
    """Return those children of *node* that are only asked whether they are true."""
    if isinstance(node, cst.If | cst.While | cst.IfExp | cst.Assert | cst.CompIf):
        return (node.test,)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        return (node.expression,)
    if isinstance(node, cst.BooleanOperation) and is_test:
        return (node.left, node.right)
    if isinstance(node, cst.MatchCase) and node.guard is not None:
        return (node.guard,)
    is_bool = isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "bool"
    return (node.args[0].value,) if is_bool and isinstance(node, cst.Call) and len(node.args) == 1 else ()
