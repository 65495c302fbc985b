"""The command line: `pennon`. One module a command group; each parses, calls and prints, and holds no logic.

Exit status: 0 done, 1 the answer is no, 2 wrong use, 3 the server could not be reached.
"""

import gc
import sys

__all__ = ["main"]

_EXTRAS = {"typer": "cli", "rich": "cli", "yaml": "cli", "libcst": "codemod"}


def main() -> None:
    """Run the command that the arguments name."""
    # What imports make stays: to look at it again and again is a tenth of the time in which a server starts.
    gc.set_threshold(10_000, 20, 20)
    try:
        from pennon.cli.root import app  # noqa: PLC0415  # typer is an extra: the SDK installs without it

        app()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "pennon":
            raise
        extra = _EXTRAS.get(missing, "server")
        sys.stderr.write(f"This command needs {missing}, which is not installed: pip install 'pennon[{extra}]'\n")
        sys.exit(1)
