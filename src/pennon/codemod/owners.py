"""Who owns a file: GitHub's format of CODEOWNERS, in which the last pattern that matches wins."""

import re
from collections.abc import Sequence

import msgspec

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where the file may lie, the first that is there counts."""


class Owners(msgspec.Struct, frozen=True):
    """The rules of a CODEOWNERS file, in its order."""

    rules: tuple[tuple[re.Pattern[str], str], ...] = ()

    def of(self, path: str) -> str | None:
        """Return the owners of the file at *path*, relative and with slashes; None where nobody is named."""
        for pattern, owners in reversed(self.rules):
            if pattern.match(path):
                return owners or None
        return None


def read_owners(text: str) -> Owners:
    """Return the rules in *text*. A line that is none is passed over, as GitHub does."""
    rules = []
    for line in text.splitlines():
        words = _words(line)
        if words and not words[0].startswith(("!", "[", "^[")):
            rules.append((_pattern(words[0]), " ".join(words[1:])))
    return Owners(tuple(rules))


def _words(line: str) -> Sequence[str]:
    line = re.sub(r"(?:^|(?<=\s))#.*", "", line)  # a pattern may hold a # that is escaped or within a word
    return [word.replace("\\ ", " ").replace("\\#", "#") for word in re.findall(r"(?:\\.|\S)+", line)]


def _pattern(glob: str) -> re.Pattern[str]:
    """Compile a pattern as .gitignore has them: with a slash before its end it is relative to the root."""
    is_rooted = "/" in glob.rstrip("/")
    is_folder = glob.endswith("/")
    parts = ["" if is_rooted else r"(?:.*/)?"]
    for token in re.findall(r"/\*\*/|\*\*/|/\*\*|\*|\?|[^*?/]+|/", glob.strip("/")):
        parts.append(_TOKENS.get(token) or re.escape(token))
    # GitHub's own exception: `docs/*` owns the files of docs, not those of folders in it.
    last = glob.rstrip("/").rpartition("/")[2]
    below = r"/.*" if is_folder else "" if is_rooted and last == "*" else r"(?:/.*)?"
    return re.compile("".join(parts) + below + r"\Z", re.DOTALL)


_TOKENS = {"/**/": r"/(?:.*/)?", "**/": r"(?:.*/)?", "/**": r"/.*", "*": r"[^/]*", "?": r"[^/]"}
