"""Run the benchmarks: all of them, or those named. `python -m bench --list` names them.

What follows a single name, from the first `-` on, is for that benchmark: `python -m bench evaluation --quick`.
"""

import importlib
import itertools
import pkgutil
import sys
import time

import bench


def main(arguments: list[str]) -> int:
    names = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")]
    if "--list" in arguments:
        for name in names:
            print(f"{name:14} {(importlib.import_module(f'bench.{name}').__doc__ or '').splitlines()[0]}")
        return 0
    named = list(itertools.takewhile(lambda argument: not argument.startswith("-"), arguments))
    options = arguments[len(named) :]
    if options and len(named) != 1:
        print("options are for a single benchmark: name it before them", file=sys.stderr)
        return 2
    if unknown := set(named) - set(names):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    for name in named or names:
        print(f"\n== {name}", flush=True)
        started = time.perf_counter()
        importlib.import_module(f"bench.{name}").main(*([options] if options else []))
        print(f"   ({time.perf_counter() - started:.1f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
