"""Reads a code base and finds where it speaks of flags. A file is read again where another one gave it a meaning."""

import itertools
import re
import tokenize
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

import msgspec

from pennon.codemod.conventions import Conventions, is_key, read_conventions
from pennon.codemod.errors import InvalidConventions, NotRewritable
from pennon.codemod.owners import PLACES, Owners, read_owners
from pennon.codemod.patterns import ending_of, find_calls, find_mentions, is_looked_at
from pennon.codemod.python_calls import Call, Module, read_module
from pennon.codemod.python_names import Wrapper
from pennon.codemod.references import Reference
from pennon.codemod.tree import paths_below

_PYTHON = ("py", "pyi")
_DEEPEST_EXPORT = 8


class Found(msgspec.Struct, frozen=True):
    """What a code base says of flags. `calls` are those of Python files with their keys, by path."""

    references: tuple[Reference, ...]
    calls: Mapping[str, tuple[Call, ...]]
    modules: Mapping[str, Module]
    unread: Mapping[str, str]
    files: int


def scan(
    root: Path,
    conventions: Conventions,
    *,
    known: Collection[str] = (),
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Found:
    """Find what the files below *root* say of flags; *known* keys are found also where nothing else says so.

    *told* is called with how many files are done, of how many.
    """
    return _Scan(root, conventions, frozenset(known), told).run()


def conventions_of(root: Path) -> Conventions:
    """Return what `.pennon.toml`, else pyproject.toml, in *root* says. Raises `InvalidConventions`."""
    for name, place in ((".pennon.toml", ("scan",)), ("pyproject.toml", ("tool", "pennon", "scan"))):
        file = root / name
        if not file.is_file():
            continue
        try:
            table = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidConventions(f"{file} cannot be read: {error}") from error
        for part in place:
            table = table.get(part) or {}
        if table:
            try:
                return read_conventions(table)
            except InvalidConventions as error:
                raise InvalidConventions(f"[{'.'.join(place)}] in {file}: {error}") from error
    return Conventions()


def owners_of(root: Path) -> Owners:
    """Return the owners that the CODEOWNERS file of *root* names; nobody where there is none."""
    for place in PLACES:
        try:
            return read_owners((root / place).read_text("utf-8", errors="replace"))
        except OSError:
            continue
    return Owners()


def decoded(data: bytes, path: str) -> str | None:
    """Return the text of a file, line ends as they are; None where it is none."""
    if b"\0" in data[:8192]:
        return None
    try:
        if is_python(path):
            encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
            return data.decode(encoding)
        return data.decode("utf-8-sig", errors="replace")
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None


def is_python(path: str) -> bool:
    """Return whether the file at *path* is Python by its name."""
    return ending_of(path) in _PYTHON


def python_texts(root: Path, conventions: Conventions) -> Iterator[tuple[str, str]]:
    """Yield the Python files below *root* that can be read, each with its text."""
    for path in paths_below(root):
        if is_python(path) and conventions.takes(path):
            try:
                text = decoded((root / path).read_bytes(), path)
            except OSError:
                continue
            if text is not None:
                yield path, text


class _Scan:
    def __init__(
        self, root: Path, conventions: Conventions, known: frozenset[str], told: Callable[[int, int], None]
    ) -> None:
        self._root = root
        self._conventions = conventions
        self._known = known
        self._told = told
        self._owners = owners_of(root)
        self._modules: dict[str, Module] = {}
        self._unread: dict[str, str] = {}
        self._elsewhere: list[Reference] = []
        self._mentions: list[Reference] = []

    def run(self) -> Found:
        paths = [each for each in paths_below(self._root) if is_looked_at(each) and self._conventions.takes(each)]
        self._places = _places(paths)
        for done, path in enumerate(paths):
            self._told(done, len(paths))
            if (text := self._text(path)) is not None:
                self._look_at(path, text)
        self._follow_wrappers(paths)
        calls = {path: tuple(self._resolved(module)) for path, module in list(self._modules.items())}
        calls = {path: of_file for path, of_file in calls.items() if of_file}
        self._told(len(paths), len(paths))
        references = [*self._of_python(calls), *self._elsewhere]
        taken = {(each.file, each.line, each.flag) for each in references}
        references += [each for each in self._mentions if (each.file, each.line, each.flag) not in taken]
        owned = (msgspec.structs.replace(each, owner=self._owners.of(each.file)) for each in references)
        return Found(tuple(owned), calls, self._modules, self._unread, len(paths))

    def _text(self, path: str) -> str | None:
        try:
            text = decoded((self._root / path).read_bytes(), path)
        except OSError as error:
            self._unread[path] = error.strerror or str(error)
            return None
        if text is None and is_python(path):
            self._unread[path] = "its encoding is not what it says"
        return text

    def _look_at(self, path: str, text: str) -> None:
        if self._known:
            self._mentions.extend(find_mentions(text, path, self._known))
        if not is_python(path):
            self._elsewhere.extend(find_calls(text, path, self._conventions))
        elif self._conventions.may_name_flags(text):
            self._read(path, text, {})

    def _read(self, path: str, text: str, wrappers: Mapping[str, Wrapper]) -> None:
        try:
            self._modules[path] = read_module(text, module_of(path), self._conventions, wrappers=wrappers)
        except NotRewritable as error:
            self._unread[path] = str(error)

    def _follow_wrappers(self, paths: list[str]) -> None:
        """Read again whoever may call a function that hands keys on, until there is no new one."""
        known: dict[str, Wrapper] = {}
        while True:
            wrappers = {each.name: each for module in self._modules.values() for each in module.wrappers}
            if not (new := wrappers.keys() - known.keys()):
                return
            known = wrappers
            probe = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(new)))})\s*\(")
            for path in paths:
                text = self._text(path) if is_python(path) else None
                if text is not None and any(name in text for name in new) and probe.search(text):
                    self._read(path, text, known)

    def _resolved(self, module: Module) -> Iterator[Call]:
        for call in module.calls:
            if call.key is not None or call.origin is None:
                yield call
                continue
            key = self._constant(call.origin, _DEEPEST_EXPORT)
            if key is not None and is_key(key):
                yield msgspec.structs.replace(call, key=key)
            elif key is None and call.certain:
                yield call

    def _constant(self, origin: str, depth: int) -> str | None:
        """Return the string that a module of the code base has under the dotted name *origin*."""
        parts = origin.split(".")
        # The root may itself be a package, so what is before it may be missing.
        for start, end in itertools.combinations(range(len(parts)), 2):
            path = self._places.get(".".join(parts[start:end]))
            if path is None or (module := self._module(path)) is None:
                continue
            name = ".".join(parts[end:])
            if (value := module.names.constants.get(name)) is not None:
                return value
            head, _, rest = name.partition(".")
            further = module.names.imports.get(head)
            if depth > 0 and further is not None and further != origin:
                return self._constant(f"{further}.{rest}".rstrip("."), depth - 1)
        return None

    def _module(self, path: str) -> Module | None:
        if path not in self._modules and path not in self._unread and (text := self._text(path)) is not None:
            self._read(path, text, {})
        return self._modules.get(path)

    def _of_python(self, calls: Mapping[str, tuple[Call, ...]]) -> Iterator[Reference]:
        for path, module in self._modules.items():
            for call in (*calls.get(path, ()), *module.constants):
                how = "guard" if call.shape.answers is None else "call"
                yield Reference(
                    flag=call.key,
                    file=path,
                    line=call.start.line,
                    column=call.start.column,
                    call=call.name if call.key is not None else f"{call.name}({call.text})",
                    how=how if call.key is not None else "dynamic",  # type: ignore[arg-type]
                    certain=call.certain,
                )


def module_of(path: str) -> str:
    """Return the dotted name of the Python file at *path*, from the root of the code base on, `__init__` and all."""
    return ".".join(PurePosixPath(path).with_suffix("").parts)


def _places(paths: list[str]) -> dict[str, str]:
    """Return the files by each dotted name that they may be imported as: sources may lie in a folder, as `src`."""
    found: dict[str, str | None] = {}
    for path in paths:
        if not is_python(path):
            continue
        parts = module_of(path).removesuffix(".__init__").split(".")
        for start in range(len(parts)):
            name = ".".join(parts[start:])
            # The whole path wins; a shorter name that two files have says nothing.
            found[name] = path if start == 0 or name not in found else None
    return {name: path for name, path in found.items() if path is not None}
