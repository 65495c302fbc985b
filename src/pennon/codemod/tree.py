"""Which files of a folder are looked at: what git knows of, or all but what is built, installed or too large."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

MAX_BYTES = 1 << 20
"""Larger files are made by programs."""
_BUILT = ("__pycache__", "dist", "build", "target", "htmlcov", ".next", ".nuxt", ".svelte-kit", ".eggs")
_INSTALLED = ("node_modules", "bower_components", "site-packages", "vendor", "venv", "env", ".venv", ".tox", ".nox")
_KEPT = (".git", ".hg", ".svn", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
_SKIPPED = frozenset((*_BUILT, *_INSTALLED, *_KEPT))
_GIT_S = 60


def paths_below(root: Path) -> Iterator[str]:
    """Yield the paths of the files below *root*, relative and with slashes, in their order. Links are not followed.

    In a work tree of git: what is in it and what is not ignored. Names that are no UTF-8 are passed over.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    # Git lists nothing of a folder that it ignores; whoever names one means it.
    found = sorted(filter(None, listed.split("\0"))) if listed else _walked(root)
    for path in found:
        if _is_taken(root / path):
            yield path


def changed_paths(root: Path) -> set[str] | None:
    """Return the files below *root* that differ from git's last commit; None where there is no git."""
    told = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".")
    top = _git(root, "rev-parse", "--show-prefix")
    if told is None or top is None:
        return None
    prefix = top.strip("\n")
    return {line[3:].removeprefix(prefix) for line in told.split("\0") if line}


def repository_of(root: Path) -> str | None:
    """Return `host/owner/name` of git's remote `origin`, None where there is none. Credentials in it are left out."""
    remote = (_git(root, "remote", "get-url", "origin") or "").strip()
    if not remote:
        return None
    if "://" in remote:
        parts = urlsplit(remote)
        named = f"{parts.hostname or ''}{parts.path}"
    elif ":" in remote and not remote.startswith((".", "/")):
        host, _, path = remote.rpartition("@")[2].partition(":")
        named = f"{host}/{path.lstrip('/')}"
    else:
        named = Path(remote).name
    return named.strip("/").removesuffix(".git") or None


def revision_of(root: Path) -> str:
    """Return the commit that git has checked out, empty where there is none."""
    return (_git(root, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git says of *root*, None where it has nothing to say, or is not there."""
    command = ["git", "-C", os.fspath(root), "-c", "core.quotepath=off", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each not in _SKIPPED and not each.endswith(".egg-info"))
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        yield from (name if relative == "." else f"{relative}/{name}" for name in sorted(files))


def _is_taken(path: Path) -> bool:
    try:
        os.fspath(path).encode()
        return not path.is_symlink() and path.is_file() and path.stat().st_size <= MAX_BYTES
    except (OSError, UnicodeEncodeError):
        return False
