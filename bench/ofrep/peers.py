"""Where the servers of others are, and how they are built: into a cache folder outside of the project.

flagd and GO Feature Flag come from the Go module proxy, Unleash Edge from crates.io, wrk from Debian
(`scripts/debian-packages`). What a registry does not have stays out, with its reason.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_FLOOR = Path(__file__).with_name("floor.go")
_BUILT_WITH: Mapping[str, str] = {
    "ofrep-floor": "go",
    "flagd": "go",
    "relayproxy": "go",
    "unleash-edge": "cargo",
}
_MODULES: Mapping[str, str] = {
    "flagd": "github.com/open-feature/flagd/flagd@latest",
    "relayproxy": "github.com/thomaspoignant/go-feature-flag/cmd/relayproxy@latest",
}


def cache() -> Path:
    """Return the folder in which they are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pennon" / "ofrep"


def binary(name: str) -> Path | None:
    """Return the program *name*, from PATH or the cache, None where it is in neither."""
    if (found := shutil.which(name)) is not None:
        return Path(found)
    kept = cache() / "bin" / name
    return kept if kept.exists() else None


def missing(name: str) -> str:
    """Return why *name* is not there."""
    log = cache() / f"{name}.log"
    if log.exists() and (said := log.read_text().strip()):
        return f"it could not be built: {said.splitlines()[-1].strip()[:160]}"
    return "not on PATH and not built: --build"


def build() -> None:
    """Build what is missing and can be had; what was said meanwhile is kept beside it."""
    (cache() / "bin").mkdir(parents=True, exist_ok=True)
    for name, tool in _BUILT_WITH.items():
        if binary(name) is None:
            print(f"building {name} …", flush=True)
            _build(name, tool)


def _build(name: str, tool: str) -> None:
    log = cache() / f"{name}.log"
    if shutil.which(tool) is None:
        log.write_text(f"{tool} is not installed\n")
        return
    with log.open("wb") as out:
        done = subprocess.run(
            _command(name),
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"GOBIN": str(cache() / "bin")},
            cwd=cache(),
            check=False,
        )
    if done.returncode == 0:
        log.unlink()


def _command(name: str) -> list[str]:
    if name == "unleash-edge":
        return ["cargo", "install", name, "--no-default-features", "--locked", "--root", str(cache())]
    if name == "ofrep-floor":
        return ["go", "build", "-o", str(cache() / "bin" / name), str(_FLOOR)]
    return ["go", "install", _MODULES[name]]
