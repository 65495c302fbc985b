"""Installs the pinned SDKs of other vendors into a cache: a folder a pin, complete from the moment that it is there.

A folder is made beside its place and renamed into it, so two that install at once, or one that is killed half-way,
harm nothing.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from pennon.importers.peers.errors import PeerNotInstalled
from pennon.importers.peers.pins import Pin

_INSTALL_S = 600.0
_ABANDONED_S = 3600.0
_DRAFT = ".new-"
_SAID = 2000


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where SDKs are kept: `$PENNON_CACHE/peers`, else `$XDG_CACHE_HOME/pennon/peers`."""
    if named := environ.get("PENNON_CACHE"):
        return Path(named) / "peers"
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pennon" / "peers"


def install(pin: Pin, cache: Path) -> Path:
    """Return the folder that has *pin*'s packages, installing them if it is not there yet.

    Raises `PeerNotInstalled`, naming the packages.
    """
    folder = cache / pin.folder
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _sweep(cache)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=cache))
    except OSError as error:
        raise PeerNotInstalled(f"{cache} cannot be written: {error}", "name another folder: PENNON_CACHE") from None
    try:
        (_install_python if pin.runtime == "python" else _install_node)(pin, draft)
        # Where another process was faster, its folder is as good as ours.
        with contextlib.suppress(OSError):
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not folder.is_dir():
        raise PeerNotInstalled(f"{folder} could not be put in its place", "name another folder: PENNON_CACHE")
    return folder


def command(pin: Pin, folder: Path, script: Path) -> list[str]:
    """Return the command line that runs *script* with the packages of *folder*."""
    if pin.runtime == "python":
        # Isolated: neither the user's settings nor the script's folder are searched. The folder holds modules that
        # are named as the SDKs are.
        return [str(_python_of(folder)), "-I", "-X", "utf8", str(script)]
    # Node looks for packages in the folders above a module, so the module must lie within.
    text = script.read_bytes()
    copy = folder / f"peer-{hashlib.sha256(text).hexdigest()[:16]}.mjs"
    if not copy.exists():
        draft = copy.with_name(f"{_DRAFT}{os.getpid()}-{copy.name}")
        draft.write_bytes(text)
        draft.replace(copy)
    return [_node(), str(copy)]


def _install_python(pin: Pin, draft: Path) -> None:
    made = [sys.executable, "-m", "venv", str(draft)]
    _run(made, pin, "the module venv makes its folder: install it (Debian: apt install python3-venv)")
    pip = [str(_python_of(draft)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*pip, *pin.packages], pin, "PyPI must be reachable, or pip configured for a mirror that has them")


def _install_node(pin: Pin, draft: Path) -> None:
    npm = shutil.which("npm")
    _node()
    if npm is None:
        raise PeerNotInstalled(f"{_named(pin)} cannot be installed: there is no npm", "install Node.js 20 or newer")
    (draft / "package.json").write_text('{"name": "pennon-peer", "private": true}\n')
    quiet = ["--no-audit", "--no-fund", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--save-exact"]
    _run(
        [npm, "install", *quiet, "--prefix", str(draft), *pin.packages],
        pin,
        "npm's registry must be reachable, or npm configured for a mirror that has them",
    )


def _run(command_line: list[str], pin: Pin, mend: str) -> None:
    try:
        ran = subprocess.run(
            command_line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PeerNotInstalled(f"{_named(pin)} took more than {_INSTALL_S:g} s to install", mend) from None
    except OSError as error:
        raise PeerNotInstalled(f"{_named(pin)} cannot be installed: {error}", mend) from None
    if ran.returncode:
        said = (ran.stderr.strip() or ran.stdout.strip())[-_SAID:]
        raise PeerNotInstalled(f"{_named(pin)} cannot be installed: {said}", mend)


def _sweep(cache: Path) -> None:
    """Remove what a killed installation left."""
    for draft in cache.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):  # another process may sweep too
            if time.time() - draft.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(draft, ignore_errors=True)


def _python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _node() -> str:
    if (node := shutil.which("node")) is None:
        raise PeerNotInstalled("there is no node, which this SDK runs on", "install Node.js 20 or newer")
    return node


def _named(pin: Pin) -> str:
    return ", ".join(pin.packages)
