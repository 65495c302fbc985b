"""What importing Pennon costs, against starting the interpreter and importing json."""

import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping

ROUNDS = 9
FLOOR = "import json"
CASES: Mapping[str, str] = {
    "floor: the interpreter alone": "",
    "floor: import json": FLOOR,
    "floor: import httpx2": "import httpx2",
    "import pennon": "import pennon",
    "from pennon import Client": "from pennon import Client",
    "Client(source=…), and one evaluation": (
        "from pennon import Client; from pennon.testing import InMemorySource, flag;"
        "Client(source=InMemorySource(flag('a').on())).boolean('a')"
    ),
    "from pennon import AsyncClient": "from pennon import AsyncClient",
    "Client(url): with the HTTP client": "from pennon import Client; Client('http://127.0.0.1:9', key='k').close(0.1)",
}


def main() -> None:
    """Print the CPU milliseconds of each, medians of interleaved rounds, beyond the interpreter and as a ratio."""
    rounds = [{name: _cpu_ms(code) for name, code in CASES.items()} for _ in range(ROUNDS)]
    alone = _median(rounds, "floor: the interpreter alone")
    json = _median(rounds, "floor: import json") - alone
    print(f"{'':44}{'CPU ms':>8}{'beyond the interpreter':>24}{'of import json':>16}")
    for name in CASES:
        taken = _median(rounds, name)
        print(f"{name:44}{taken:8.1f}{taken - alone:24.1f}{(taken - alone) / json:16.1f}")


def _cpu_ms(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)  # nobody listens at port 9
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def _median(rounds: Iterable[Mapping[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in rounds)


if __name__ == "__main__":
    main()
