"""From a change to whoever acts by it: `--direct` (an origin and SDKs), `--tree` (through edges), `--web` (browsers).

All three unless one is named. `--quick` measures less: for a look, not for numbers.
"""

import sys

from bench.propagation import direct, tree, web

_PARTS = ("--direct", "--tree", "--web")


def main(options: list[str] | None = None) -> None:
    """Measure what *options* name."""
    given = options or []
    if unknown := set(given) - {*_PARTS, "--quick"}:
        sys.exit(f"no option {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)} and --quick")
    quick = "--quick" in given
    chosen = [part for part in _PARTS if part in given] or _PARTS
    if "--direct" in chosen:
        direct.main()
    if "--tree" in chosen:
        tree.main(quick=quick)
    if "--web" in chosen:
        web.main(quick=quick)
