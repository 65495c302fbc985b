"""Write generated files, or with --check fail if one differs from what would be written.

The SDK's loops are written once, as async; this makes their synchronous twins. A substitution that no source needs any
more is an error, so that the table below stays true.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from scripts import command_line

ROOT = Path(__file__).resolve().parent.parent
SDK = ROOT / "src" / "pennon" / "sdk"

SUBSTITUTIONS: tuple[tuple[str, str], ...] = (
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\baclose\b", "close"),
    (r"\baiter_(raw|bytes)\b", r"iter_\1"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bpennon\.sdk\._async\b", "pennon.sdk._sync"),
    (r"\bpennon\.sdk\.tasks\b", "pennon.sdk.threads"),
    (r"\basync_(at_exit|before_fork|call|can_start|client)\b", r"\1"),
    (r"\basynchronous\b", "synchronous"),
)


def twins() -> dict[Path, Path]:
    """Return each source and the file that is made of it."""
    pairs = {source: SDK / "_sync" / source.name for source in sorted((SDK / "_async").glob("*.py"))}
    return pairs | {SDK / "async_client.py": SDK / "client.py"}


def translate(text: str, used: set[str]) -> str:
    """Return the synchronous twin of *text*, noting in *used* which substitutions it took."""
    for pattern, replacement in SUBSTITUTIONS:
        text, count = re.subn(pattern, replacement, text)
        if count:
            used.add(pattern)
    return text


def formatted(text: str, path: Path) -> str:
    """Return *text* as the project's formatter writes it, imports sorted: shorter lines fold differently."""
    for command in (["check", "--select", "I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, check=True, text=True, cwd=ROOT).stdout
    return text


def generated() -> Iterable[tuple[Path, str]]:
    """Yield each generated file with what belongs into it. Raises `SystemExit` over a substitution without a use."""
    used: set[str] = set()
    for source, target in twins().items():
        text = translate(source.read_text("utf-8"), used)
        head = f"# Generated from {source.relative_to(ROOT)} by scripts/generate.py: edit that file, not this one.\n"
        yield target, formatted(head + text, target)
    yield ROOT / "docs" / "reference" / "command-line.md", command_line.page()
    if unused := [pattern for pattern, _ in SUBSTITUTIONS if pattern not in used]:
        raise SystemExit(f"no source needs these substitutions any more, delete them: {', '.join(unused)}")


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    check = parser.parse_args().check
    differing = []
    for target, text in generated():
        if target.exists() and target.read_text("utf-8") == text:
            continue
        differing.append(target.relative_to(ROOT))
        if not check:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, "utf-8")
    for path in differing:
        print(f"{path} {'differs: run python -m scripts.generate' if check else 'written'}")
    return int(check and bool(differing))


if __name__ == "__main__":
    sys.exit(main())
