"""Stands for everything that a shop's code calls, notes what is called, and serves one variation of a flag."""

import asyncio
import builtins
import enum
import inspect
import types
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

_REAL = {"__future__", "enum", "dataclasses", "typing", "decimal", "logging"}
_VALUES = {"boolean", "enabled", "string", "get_string_value", "get_string_value_async"}
_WHOLE = {"get_string_details"}


class World:
    """Runs code of a shop. `seen` is what it called, in order; nothing of the flag is in it."""

    def __init__(self, flag: str, variation: str, value: Any, *, truth: bool, flags_module: str) -> None:
        self.flag = flag
        self.variation = variation
        self.value = value
        self.truth = truth
        self.seen: list[str] = []
        self._asked: Counter[str] = Counter()
        self._flags_module = flags_module

    def is_true(self, name: str) -> bool:
        """Return whether the thing *name* is true: as the world is, but not for ever, so that loops end."""
        self._asked[name] += 1
        return self.truth and self._asked[name] < 4

    def load(self, code: str, name: str = __name__) -> dict[str, Any]:
        """Return the names of a module of *code*, whose imports are things."""
        names: dict[str, Any] = {"__builtins__": {**vars(builtins), "__import__": self._imported}, "__name__": name}
        exec(compile(code, "<shop>", "exec"), names)
        return names

    def run(self, function: Callable[..., Any]) -> str:
        """Return what *function* answers to things, as text."""
        parameters = inspect.signature(function).parameters
        wanted = [name for name, each in parameters.items() if each.default is each.empty]
        try:
            result = function(*(Thing(self, name) for name in wanted))
            return repr(asyncio.run(result) if inspect.iscoroutine(result) else result)
        except RaisedThing as raised:
            return repr(raised)

    def _imported(self, name: str, *rest: Any) -> Any:
        if name in _REAL:
            return __import__(name, *rest)
        if name == "shop.flags":
            return types.SimpleNamespace(**self.load(self._flags_module, name))
        return Thing(self, name)


class RaisedThing(Exception):
    """What a thing raises."""


class Thing:
    """An object that has every attribute, can be called, awaited, compared and gone through."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "View" or name.endswith("Exception"):
            return type(name, (RaisedThing,) if name != "View" else (), {})
        return Thing(self._world, f"{self._name}.{name}")

    def __call__(self, *given: Any, **named: Any) -> Any:
        world, method = self._world, self._name.rpartition(".")[2]
        if given and given[0] == world.flag and method in _WHOLE:
            return types.SimpleNamespace(value=world.value, variant=world.variation)
        if given and given[0] == world.flag and method in _VALUES:
            return _Awaited(world.value) if method.endswith("_async") else world.value
        if (len(given) == 1 and isinstance(given[0], types.FunctionType)) or isinstance(given[:1] and given[0], type):
            return given[0]
        if method not in ("request_flags", "EvaluationContext", "requires_flags", "str"):
            said = [*map(str, given), *(f"{name}={value}" for name, value in named.items())]
            world.seen.append(f"{self._name}({', '.join(said)})")
        return Thing(world, f"{self._name}()")

    def __bool__(self) -> bool:
        return self._world.is_true(self._name)

    def __iter__(self) -> Iterator["Thing"]:
        return iter([Thing(self._world, f"{self._name}[{place}]") for place in range(2)])

    def __getitem__(self, place: object) -> "Thing":
        return Thing(self._world, f"{self._name}[{place}]")

    def __lt__(self, other: object) -> bool:
        return self._world.truth

    def __int__(self) -> int:
        return 2

    def __await__(self) -> Any:
        yield from ()
        return self

    async def __aiter__(self) -> Any:
        for each in self:
            yield each


class _Awaited:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Any:
        yield from ()
        return self._value


def functions_of(names: dict[str, Any], world: World) -> dict[str, Callable[..., Any]]:
    """Return the functions in *names*, and the methods of its classes bound to things."""
    found: dict[str, Callable[..., Any]] = {}
    for name, value in names.items():
        if isinstance(value, types.FunctionType) and value.__module__ == __name__:
            found[name] = value
        elif isinstance(value, type) and value.__module__ == __name__ and not issubclass(value, enum.Enum):
            for inner, method in vars(value).items():
                if isinstance(method, types.FunctionType) and not inner.startswith("__"):
                    found[f"{name}.{inner}"] = method
    return found
