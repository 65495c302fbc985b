"""Whether an expression can be left out: evaluating it changes nothing, and its value is not needed.

Reading a name, an attribute or an item counts as that, though a program may hang code on it.
"""

import libcst as cst

from pennon.codemod.conventions import Conventions

_BOOLEAN_FUNCTIONS = frozenset({"bool", "isinstance", "issubclass", "callable", "hasattr", "any", "all"})
_BOOLEAN_METHODS = frozenset({"boolean", "get_boolean_value", "startswith", "endswith", "isdigit", "isalpha", "exists"})
_TRANSPARENT = (
    cst.Attribute,
    cst.BinaryOperation,
    cst.BooleanOperation,
    cst.CompFor,
    cst.CompIf,
    cst.Comparison,
    cst.ComparisonTarget,
    cst.ConcatenatedString,
    cst.Dict,
    cst.DictComp,
    cst.DictElement,
    cst.Element,
    cst.FormattedString,
    cst.FormattedStringExpression,
    cst.FormattedStringText,
    cst.GeneratorExp,
    cst.IfExp,
    cst.Index,
    cst.List,
    cst.ListComp,
    cst.Set,
    cst.SetComp,
    cst.Slice,
    cst.StarredDictElement,
    cst.StarredElement,
    cst.Subscript,
    cst.SubscriptElement,
    cst.Tuple,
    cst.UnaryOperation,
    cst.Arg,
)
_LEAVES = (cst.Name, cst.BaseNumber, cst.SimpleString, cst.Ellipsis, cst.Lambda)


def is_pure(node: cst.CSTNode, conventions: Conventions) -> bool:
    """Return whether leaving out *node* loses nothing but its value."""
    if isinstance(node, _LEAVES):
        return True
    if isinstance(node, cst.Call):
        return _is_pure_call(node, conventions)
    if not isinstance(node, _TRANSPARENT):
        return False
    return all(is_pure(child, conventions) for child in node.children if isinstance(child, _MEANT))


def impurity(node: cst.CSTNode, conventions: Conventions) -> str | None:
    """Return the code of the innermost part of *node* that cannot be left out, None where all of it can."""
    if is_pure(node, conventions):
        return None
    for child in node.children:
        if isinstance(child, _MEANT) and (found := impurity(child, conventions)) is not None:
            return found
    return cst.Module([]).code_for_node(node)


def is_boolean(node: cst.BaseExpression) -> bool:
    """Return whether *node* is surely True or False, and nothing that merely counts as one."""
    if isinstance(node, cst.Comparison) or (
        isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)
    ):
        return True
    if isinstance(node, cst.BooleanOperation):
        return is_boolean(node.left) and is_boolean(node.right)
    if isinstance(node, cst.Name):
        return node.value in ("True", "False")
    if isinstance(node, cst.Call):
        function = node.func
        if isinstance(function, cst.Name):
            return function.value in _BOOLEAN_FUNCTIONS
        return isinstance(function, cst.Attribute) and function.attr.value in _BOOLEAN_METHODS
    return False


def last_name(expression: cst.BaseExpression) -> str:
    """Return what an expression is called last: `client` of `self.client`, `request_flags` of `request_flags()`."""
    while isinstance(expression, cst.Call | cst.Await | cst.Subscript):
        if isinstance(expression, cst.Call):
            expression = expression.func
        else:
            expression = expression.expression if isinstance(expression, cst.Await) else expression.value
    if isinstance(expression, cst.Attribute):
        return expression.attr.value
    return expression.value if isinstance(expression, cst.Name) else ""


_MEANT = (*_TRANSPARENT, cst.BaseExpression)


def _is_pure_call(node: cst.Call, conventions: Conventions) -> bool:
    function = node.func
    if not all(is_pure(each, conventions) for each in node.args):
        return False
    if isinstance(function, cst.Attribute):
        return is_pure(function.value, conventions) and conventions.is_harmless(function.attr.value, is_method=True)
    return isinstance(function, cst.Name) and conventions.is_harmless(function.value, is_method=False)
