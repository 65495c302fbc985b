"""What names mean in a Python module: constants that hold keys, imports, and functions that hand a key on."""

import ast
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from pennon.codemod.conventions import Shape

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_TYPES_OF_CLIENTS = {"Client", "AsyncClient", "RequestFlags", "PinnedRules", "OpenFeatureClient"}
_MAKERS_OF_CLIENTS = _TYPES_OF_CLIENTS | {"request_flags", "get_client", "rules"}


class Wrapper(msgspec.Struct, frozen=True):
    """A function of the code base that hands its argument on as a flag's key. *is_method*: it is called after a dot."""

    name: str
    shape: Shape
    is_method: bool
    is_plain: bool
    """Whether it does nothing but return what the client answers, so that its calls are the client's."""


class Names(msgspec.Struct, frozen=True):
    """What is known of one module by itself. Constants of a class are under `Class.NAME`."""

    constants: Mapping[str, str]
    imports: Mapping[str, str]
    clients: frozenset[str]

    def value_of(self, expression: ast.expr) -> str | None:
        """Return the string that *expression* is, None where it is none that the module itself tells."""
        if isinstance(expression, ast.Constant):
            return expression.value if isinstance(expression.value, str) else None
        name = dotted(expression)
        return None if name is None else self.constants.get(name.removesuffix(".value"))

    def origin_of(self, expression: ast.expr) -> str | None:
        """Return the dotted name, from its package on, of what *expression* names and another module has."""
        name = dotted(expression)
        if name is None:
            return None
        head, _, rest = name.removesuffix(".value").partition(".")
        origin = self.imports.get(head)
        return None if origin is None else f"{origin}.{rest}".rstrip(".")


def names_of(tree: ast.Module, module: str) -> Names:
    """Return what names mean in *tree*, the module that is imported as *module*."""
    constants: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in _assigned(tree):
        if name in constants or value is None:
            twice.add(name)
        if value is not None:
            constants[name] = value
    imports: dict[str, str] = {}
    clients: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(_imported(node, module))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.arg):
            clients.update(_clients(node))
    return Names({name: text for name, text in constants.items() if name not in twice}, imports, frozenset(clients))


def dotted(expression: ast.expr) -> str | None:
    """Return `a.b.c` for an expression that is names and dots only."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return ".".join((expression.id, *reversed(parts)))


def last_name(expression: ast.expr) -> str:
    """Return what an expression is called last: `client` of `self.client`, `request_flags` of `request_flags()`."""
    while isinstance(expression, ast.Call | ast.Await | ast.Subscript):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return str(dotted(expression) or getattr(expression, "attr", "")).rpartition(".")[2]


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield each name that the module or a class of it assigns, with the string or None."""
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            for inner in statement.body:
                for name, value in _assignment(inner):
                    yield f"{statement.name}.{name}", value
        else:
            yield from _assignment(statement)


def _assignment(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return
    text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    yield from ((target.id, text) for target in targets if isinstance(target, ast.Name))


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (head := alias.name.partition(".")[0], head)
        return
    package = module.split(".")
    above = package[: len(package) - node.level] if node.level else []
    base = ".".join((*above, *filter(None, [node.module])))
    for alias in node.names:
        yield alias.asname or alias.name, f"{base}.{alias.name}".lstrip(".")


def _clients(node: ast.Assign | ast.AnnAssign | ast.arg) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        if isinstance(node.value, ast.Call) and last_name(node.value) in _MAKERS_OF_CLIENTS:
            yield from (last_name(target) for target in node.targets)
        return
    name = node.arg if isinstance(node, ast.arg) else last_name(node.target)
    if node.annotation is not None and any(
        isinstance(part, ast.Name | ast.Attribute) and last_name(part) in _TYPES_OF_CLIENTS
        for part in ast.walk(node.annotation)
    ):
        yield name
