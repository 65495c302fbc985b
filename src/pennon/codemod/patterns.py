"""Finds flags in languages other than Python, by pattern: the quoted key in a call that is known."""

import re
from collections.abc import Collection, Iterator

from pennon.codemod.conventions import Conventions, is_key
from pennon.codemod.python_calls import IGNORED
from pennon.codemod.references import Reference

_COMPILED = ("go", "java", "kt", "kts", "cs", "swift")
_SLASHES = ("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", *_COMPILED)
_HASHES = ("rb", "erb", "rake", "yaml", "yml", "toml", "sh", "py", "pyi")
_TEMPLATES = ("html", "htm", "jinja", "jinja2", "j2", "djhtml", "txt")
_DATA = ("yaml", "yml", "toml", "json")
COMMENTS = {
    **dict.fromkeys(_SLASHES, ("//", "*", "/*")),
    **dict.fromkeys(_HASHES, ("#",)),
    **dict.fromkeys(_TEMPLATES, ("{#", "<!--")),
    "php": ("//", "#", "*", "/*"),
    "json": (),
}
"""What a line begins with that is a comment, by the ending of the files that are looked at."""

_QUOTED = re.compile(r"""(["'`])([A-Za-z0-9][A-Za-z0-9._-]{0,127})\1""")
_NAMED = re.compile(
    r"""^\s*(?:-\s+)?["']?(?P<name>flag|flag[-_]?key|feature[-_]?flag)["']?\s*[:=]\s*"""
    r"""(?P<quote>["']?)(?P<key>[A-Za-z0-9][A-Za-z0-9._-]{0,127})(?P=quote)\s*,?\s*(?:#.*)?$""",
    re.MULTILINE | re.IGNORECASE,
)


def ending_of(path: str) -> str:
    """Return the ending of *path*, in lower case and without its dot."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name[1:] else ""


def is_looked_at(path: str) -> bool:
    """Return whether files with the ending of *path* are looked at."""
    return ending_of(path) in COMMENTS


def find_calls(text: str, path: str, conventions: Conventions) -> Iterator[Reference]:
    """Yield the references that *text*, the file at *path*, holds by the patterns of its language."""
    ending = ending_of(path)
    lines = _Lines(text, COMMENTS[ending])
    if ending in _DATA:
        for found in _NAMED.finditer(text):
            if lines.counts(found.start("key")):
                yield _reference(lines, path, found["key"], found.start("key"), found["name"])
        return
    for found in conventions.elsewhere.finditer(text):
        start, key, receiver = found.start(), found["key"], found["receiver"]
        if not lines.counts(start) or (found["plain"] and ending not in _TEMPLATES):
            continue
        name = found["name"] or found["plain"] or f"{receiver}.{found['method']}"
        certain = receiver is None or conventions.is_client(receiver)
        if found["quote"] == "`" and "${" in key:
            place = lines.place(start)
            call = f"{name}(`{key}`)"
            yield Reference(flag=None, file=path, line=place[0], column=place[1], call=call, how="dynamic")
        elif is_key(key):
            yield _reference(lines, path, key, start, name, certain=certain)


def find_mentions(text: str, path: str, keys: Collection[str]) -> Iterator[Reference]:
    """Yield where *text* holds one of *keys* as a whole string, in whatever place."""
    lines: _Lines | None = None
    for found in _QUOTED.finditer(text):
        if found[2] in keys:
            lines = lines or _Lines(text, ())
            line, column = lines.place(found.start())
            yield Reference(flag=found[2], file=path, line=line, column=column, call=found[0], how="mention")


def _reference(lines: "_Lines", path: str, key: str, start: int, call: str, *, certain: bool = True) -> Reference:
    line, column = lines.place(start)
    return Reference(flag=key, file=path, line=line, column=column, call=call, certain=certain)


class _Lines:
    """Where the lines of a text begin, and which of them are comments."""

    def __init__(self, text: str, comments: tuple[str, ...]) -> None:
        self._text = text
        self._comments = comments

    def place(self, at: int) -> tuple[int, int]:
        start = self._text.rfind("\n", 0, at) + 1
        return self._text.count("\n", 0, at) + 1, at - start + 1

    def counts(self, at: int) -> bool:
        """Return whether the line at *at* is neither a comment nor passed over."""
        start = self._text.rfind("\n", 0, at) + 1
        end = self._text.find("\n", at)
        line = self._text[start : len(self._text) if end < 0 else end]
        return IGNORED not in line and not (self._comments and line.lstrip().startswith(self._comments))
