"""The steps that the bus brings: who stands where one begins may take it instead of reading the log."""

from pennon.bus.base import Notice
from pennon.model import DECODE_ERRORS, Delta, InvalidJson, Position


def step_of(notice: Notice, position: Position | None) -> Delta | None:
    """Return the step that *notice* brings from *position* to its own; None where it brings none that can be used."""
    if notice.delta is None or position is None:
        return None
    try:
        delta = Delta.from_json(notice.delta)
    except (*DECODE_ERRORS, InvalidJson):
        return None
    begins, ends = Position(delta.epoch, delta.from_), Position(delta.epoch, delta.to)
    is_it = delta.environment == notice.environment and begins == position and ends == notice.position
    return delta if is_it else None
