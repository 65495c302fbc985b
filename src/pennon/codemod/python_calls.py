"""Finds the calls of a Python module that name flags, by its syntax tree. Runs nothing of it."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

import msgspec

from pennon.codemod.conventions import Conventions, Shape, is_key
from pennon.codemod.errors import NotRewritable
from pennon.codemod.python_names import FunctionNode, Names, Wrapper, dotted, last_name, names_of
from pennon.codemod.references import Place

Wrappers: TypeAlias = Mapping[str, Wrapper]
_LINES = re.compile(r"\r\n|\r|\n")
IGNORED = "pennon: ignore"
"""A comment on a line that scan passes over."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that names a flag. `key` is known, or another module has it under `origin`, or it is dynamic.

    `end` is where the call ends, which no other call does; `place` is that of the key among the arguments, where a call
    names several. `is_plain`: its answer is the client's own.
    """

    key: str | None
    origin: str | None
    text: str
    start: Place
    end: Place
    name: str
    shape: Shape
    certain: bool
    is_plain: bool = True
    place: int = 0


class Module(msgspec.Struct, frozen=True):
    """What there is to know of a Python module."""

    names: Names
    calls: tuple[Call, ...]
    constants: tuple[Call, ...]
    wrappers: tuple[Wrapper, ...]


def read_module(source: str, name: str, conventions: Conventions, *, wrappers: Wrappers | None = None) -> Module:
    """Return what *source*, imported as *name*, says of flags. *wrappers* are those of the whole code base, by name.

    Raises `NotRewritable` where *source* is no Python that this interpreter reads.
    """
    tree = parse(source)
    names = names_of(tree, name)
    own: dict[str, Wrapper] = {}
    while True:  # also what stands above the function that hands a key on, and what hands it on to that
        reader = _Reader(source, names, conventions, {**(wrappers or {}), **own}, frozenset(own))
        reader.visit(tree)
        found = {each.name: each for each in reader.wrappers}
        if found.keys() <= own.keys():
            break
        own |= found
    constants = tuple(reader.key_constants(tree))
    return Module(names, tuple(reader.calls), constants, tuple(reader.wrappers))


def parse(source: str) -> ast.Module:
    """Return the syntax tree of *source*. Raises `NotRewritable` where it is no Python that this interpreter reads."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the code base is warned of is not asked here
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotRewritable(f"it is no Python that this interpreter reads: {error}") from error


class _Reader(ast.NodeVisitor):
    def __init__(
        self,
        source: str,
        names: Names,
        conventions: Conventions,
        wrappers: dict[str, Wrapper],
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._lines = _LINES.split(source)
        self._names = names
        self._conventions = conventions
        self.known_wrappers = wrappers
        self._own = own
        self.calls: list[Call] = []
        self.wrappers: list[Wrapper] = []
        self._aliases: dict[str, Shape] = {}
        self._functions: list[FunctionNode] = []
        self._classes = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # ast's name
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        functions, self._functions = self._functions, []
        self._classes += 1
        self.generic_visit(node)
        self._classes -= 1
        self._functions = functions

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note `is_on = client.boolean`: the name is as good as the method."""
        value = node.value
        shape = self._conventions.shape_of(value.attr) if isinstance(value, ast.Attribute) else None
        if (
            isinstance(value, ast.Attribute)
            and shape is not None
            and (not self._conventions.is_common(value.attr) or self._is_client(value.value))
        ):
            self._aliases.update({each.id: shape for each in node.targets if isinstance(each, ast.Name)})
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        found = self._shape(node)
        if found is None or IGNORED in self._line(node.lineno):
            return
        shape, certain, is_plain = found
        keys = node.args if shape.several else _key_of(node, shape)
        for place, key in enumerate(keys):
            if self._hands_on(key, node, shape, certain=certain):
                continue
            call = self._call(node, key, shape, certain=certain, is_plain=is_plain)
            if call is not None:
                self.calls.append(msgspec.structs.replace(call, place=place))

    def key_constants(self, tree: ast.Module) -> Iterator[Call]:
        """Yield the constants that the conventions say are keys, as calls that answer nothing."""
        for node in ast.walk(tree) if self._conventions.constants else ():
            if isinstance(node, ast.ClassDef):
                yield from self._constants(node.body, f"{node.name}.")
            elif isinstance(node, ast.Module):
                yield from self._constants(node.body, "")

    def _constants(self, body: Collection[ast.stmt], prefix: str) -> Iterator[Call]:
        for statement in body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
                continue
            for name in (each.id for each in statement.targets if isinstance(each, ast.Name)):
                value = statement.value.value
                if isinstance(value, str) and self._conventions.is_key_constant(prefix + name):
                    start, end = self._places(statement.value)
                    shape = Shape(None)
                    yield Call(
                        key=value,
                        origin=None,
                        text="",
                        start=start,
                        end=end,
                        name=prefix + name,
                        shape=shape,
                        certain=True,
                    )

    def _enter(self, node: FunctionNode) -> None:
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()

    def _shape(self, node: ast.Call) -> tuple[Shape, bool, bool] | None:
        """Return what the call does with a flag, whether that is certain, and whether the answer is the client's."""
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        after_dot = isinstance(function, ast.Attribute)
        if not after_dot and (alias := self._aliases.get(name)) is not None:
            return alias, True, True
        shape = self._conventions.shape_of(name)
        if shape is not None and (after_dot or not self._conventions.is_method_only(name)):
            certain = not self._conventions.is_common(name) or self._is_client(function.value)  # type: ignore[attr-defined]
            return shape, certain or any(each.arg == "default" for each in node.keywords), True
        if (wrapper := self.known_wrappers.get(name)) is not None and (after_dot or not wrapper.is_method):
            certain = self._is_wrapper(function, wrapper)
            return (wrapper.shape, certain, wrapper.is_plain) if certain or after_dot else None
        if self._names.imports.get(name, "") == "pennon.testing.flag":
            return Shape(None), True, False
        return None

    def _is_client(self, receiver: ast.expr) -> bool:
        name = last_name(receiver)
        return name in self._names.clients or self._conventions.is_client(name)

    def _is_wrapper(self, function: ast.expr, wrapper: Wrapper) -> bool:
        """Return whether what is called is surely *wrapper*, and not something else of that name."""
        is_own = any(each.name == wrapper.name for each in self.wrappers) or wrapper.name in self._own
        if not isinstance(function, ast.Attribute):
            return is_own or wrapper.name in self._names.imports
        if wrapper.is_method:
            is_self = isinstance(function.value, ast.Name) and function.value.id in {"self", "cls"}
            return (is_self and is_own) or self._is_client(function.value)
        return self._names.origin_of(function.value) is not None

    def _hands_on(self, key: ast.expr, node: ast.Call, shape: Shape, *, certain: bool) -> bool:
        """Note that the function around hands its own argument on as the key, and return whether it does."""
        if not isinstance(key, ast.Name) or not self._functions or self._functions[-1].name.startswith("__"):
            return False
        function = self._functions[-1]
        named = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        only_named = [each.arg for each in function.args.kwonlyargs]
        if key.id not in (*named, *only_named) or shape.several:
            return False
        is_method = self._classes > 0 and len(self._functions) == 1 and named[:1] in (["self"], ["cls"])
        place = named.index(key.id) - is_method if key.id in named else 99
        awaited = isinstance(function, ast.AsyncFunctionDef)
        answers = Shape(shape.answers, place, key.id, shape.details, awaited)
        wrapper = Wrapper(
            function.name, answers, is_method, certain and _only_returns(function, node, self._conventions)
        )
        if certain and function.name not in {each.name for each in self.wrappers}:
            self.wrappers.append(wrapper)
        return certain

    def _call(self, node: ast.Call, key: ast.expr, shape: Shape, *, certain: bool, is_plain: bool) -> Call | None:
        text = self._names.value_of(key)
        if text is not None and not is_key(text):
            return None
        origin = self._names.origin_of(key) if text is None else None
        if text is None and origin is None and not certain:
            return None
        start, end = self._places(node)
        return Call(
            key=text,
            origin=origin,
            text=ast.unparse(key) if text is None else "",
            start=start,
            end=end,
            name=dotted(node.func) or last_name(node.func),
            shape=shape,
            certain=certain,
            is_plain=is_plain,
        )

    def _places(self, node: ast.expr) -> tuple[Place, Place]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)

    def _place(self, line: int, offset: int) -> Place:
        text = self._line(line)
        if not text.isascii():
            offset = len(text.encode()[:offset].decode(errors="ignore"))
        return Place(line, offset + 1)

    def _line(self, line: int) -> str:
        return self._lines[line - 1] if line <= len(self._lines) else ""


def _key_of(node: ast.Call, shape: Shape) -> list[ast.expr]:
    named = {each.arg: each.value for each in node.keywords if each.arg}
    if (key := named.get(shape.name)) is not None:
        return [key]
    before = node.args[: shape.place + 1]
    if len(before) <= shape.place or any(isinstance(each, ast.Starred) for each in before):
        return []
    return [before[shape.place]]


def _only_returns(function: FunctionNode, call: ast.Call, conventions: Conventions) -> bool:
    """Return whether *function* does nothing but return what *call* answers."""
    body = [each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or function.decorator_list:
        return False
    value = body[0].value
    while isinstance(value, ast.Await):
        value = value.value
    return value is call and all(_is_harmless(each, call, conventions) for each in ast.walk(call))


def _is_harmless(node: ast.AST, asking: ast.Call, conventions: Conventions) -> bool:
    """Return whether *node*, a part of the call *asking*, changes nothing."""
    if not isinstance(node, ast.Call) or node is asking:
        return not isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr)
    name = last_name(node)
    is_client = isinstance(asking.func, ast.Attribute) and asking.func.value is node and conventions.is_client(name)
    return is_client or conventions.is_harmless(name, is_method=isinstance(node.func, ast.Attribute))
