"""Where the public data lies that tests read but the project does not hold: `shared` beside the project, or nowhere."""

from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[2] / "shared"
SHARED: Path | None = _BESIDE if (_BESIDE / "data").is_dir() else None
