"""An edge node starts where the control plane and its database are not installed."""

import subprocess
import sys

_ABSENT = ("sqlalchemy", "alembic", "psycopg", "argon2", "pennon.control")


def test_nothing_of_the_control_plane_is_loaded() -> None:
    probe = (
        "import sys, pennon.cli.edge, pennon.cli.server, pennon.edge.application\n"
        f"print(*[name for name in {_ABSENT!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.split() == []
