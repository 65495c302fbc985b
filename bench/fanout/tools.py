"""What the benchmark needs from outside: the load client and the bare server in C, and nginx with nchan."""

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[3] / "shared" / "fanout"
_NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_CHANGES = {
    "#define MAXREP 256": "#define MAXREP 1024",
    "            msleep(GAP);\n": (
        "            if (EVERY) { static u64 due; u64 at = mono(); if (due > at) msleep((due - at) / 1000000); "
        "due = (due > at ? due : at) + EVERY * 1000000ull; } else msleep(GAP);\n"
    ),
    "    int undist = 0;\n": (
        "    int undist = 0;\n"
        '    u64 EVERY = getenv("SSEFAN_EVERY_MS") ? strtoull(getenv("SSEFAN_EVERY_MS"), 0, 10) : 0;\n'
        '    u64 until = ~0ull; if (getenv("SSEFAN_FOR_S"))'
        ' until = mono() + strtoull(getenv("SSEFAN_FOR_S"), 0, 10) * 1000000000ull;\n'
    ),
    "s <= REPS && ready; s++) {": "s <= REPS && ready && mono() < until; s++) {",
    "if (c->evdata || !READY_HDR) mark_ready(c);": "if (c->evdata || !(READY_HDR || IDMODE)) mark_ready(c);",
    'else if (c->prelen >= 5 && !memcmp(c->pre, "data:", 5)) {': (
        'else if (IDMODE && c->ready && c->prelen >= 16 && !memcmp(c->pre, "event: heartbeat", 16)) c->evid = 0;\n'
        'else if (c->prelen >= 5 && !memcmp(c->pre, "data:", 5)) {'
    ),
}
"""Where the client tells events apart by their ids: they begin with the first block that has data, as Pennon's first
one has only the time to wait before coming back; and a heartbeat, which repeats the last id, is no event once more.
And where broadcasts begin at a fixed interval, for a fixed time, however long each takes."""
PER_PROCESS = 17_000
"""Streams that a process is to hold where it may have 20,000 files open."""


class Missing(Exception):
    """Something that has to be there is not. The text says what."""


class Tools:
    """Compiled programs in a folder that is gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = folder / "ssefan"
        self.floor = folder / "floor"

    @property
    def nginx_config(self) -> str:
        """The configuration of nginx with nchan, to be filled in."""
        return (_SOURCES / "nchan.conf.in").read_text()


@contextlib.contextmanager
def tools() -> Iterator[Tools]:
    """Compile the C programs. Raises `Missing`."""
    if not _SOURCES.is_dir():
        raise Missing("the load client is not at hand: there is no ../shared/fanout beside the project")
    if shutil.which("gcc") is None:
        raise Missing("gcc is needed to compile the load client")
    folder = Path(tempfile.mkdtemp(prefix="pennon-fanout-"))
    try:
        _compile(folder)
        _raise_file_limit()
        yield Tools(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def has_nchan() -> bool:
    """Whether nginx with nchan can be run."""
    return shutil.which("nginx") is not None and _NCHAN.exists() and os.geteuid() == 0


def workers_for(streams: int) -> int:
    """Return how many processes are needed to hold so many streams."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    per = min(PER_PROCESS, int(most * 0.85))
    return max(1, -(-streams // per))


def _compile(folder: Path) -> None:
    for name in ("ssefan", "floor"):
        # From standard input, because of the lines that are others here.
        source = (_SOURCES / f"{name}.c").read_text()
        for before, after in _CHANGES.items():
            assert before in source or name != "ssefan", f"the load client is another: {before!r} is not in it"
            source = source.replace(before, after)
        command = ["gcc", "-O2", "-std=gnu11", "-x", "c", "-", "-o", str(folder / name)]
        subprocess.run(command, input=source, text=True, check=True)


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
