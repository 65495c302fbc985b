"""What tests of the change log put into it."""

from typing import Any

from pennon.control.log import SYSTEM, Change, ChangeLog
from pennon.model import Flag, Segment, Serve, Variation

LOG = "environments/shop/production"
OTHER = "environments/shop/staging"
BOOLEAN = (Variation("on", True), Variation("off", False))


def flag(key: str = "checkout", **fields: Any) -> Flag:
    return Flag(**{"key": key, "variations": BOOLEAN, "on": True, "fallthrough": Serve("on"), **fields})


def segment(key: str, *included: str) -> Segment:
    return Segment(key, included=included)


def open_logs(log: ChangeLog, *names: str) -> None:
    with log.writing(*names, by=SYSTEM, action="open") as writing:
        for name in names:
            writing.open(name)


def put(log: ChangeLog, *models: Flag | Segment, on: str = LOG, **about: Any) -> Change | None:
    """Put models as one change, and return the change."""
    with log.writing(on, **{"by": SYSTEM, "action": "put", **about}) as writing:
        writing.open(on)
        for model in models:
            writing.put(on, "flag" if isinstance(model, Flag) else "segment", model)
    return writing.changes_made.get(on)


def delete(log: ChangeLog, kind: str, key: str, *, on: str = LOG) -> Change | None:
    with log.writing(on, by=SYSTEM, action="delete") as writing:
        writing.delete(on, kind, key)
    return writing.changes_made.get(on)
