"""Times that people type into pages: by the clock on the wall of a zone. Pure."""

from datetime import UTC, datetime

from pennon.control.environments.protection import zone_of
from pennon.control.errors import Invalid
from pennon.control.schedules.calendar import moment
from pennon.control.ui.forms import Form

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""What fields propose. Every zone of the time zone database can be written."""


def time_of(form: Form, field: str = "at") -> datetime | None:
    """Return the time of a field, by the zone in the field `zone`; None where it is empty.

    Raises `Invalid` with the names of the fields as paths. A time with a zone of its own keeps that.
    """
    if not (text := form.text(field)):
        return None
    try:
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid.at(f"/{field}", f"{text[:40]!r} is no time", "write it as in 2026-11-20T14:02") from error
    return wall if wall.tzinfo is not None else _in_zone(wall, form, field)


def past_time(text: str, field: str) -> datetime | None:
    """Return a time in UTC of an address; None where it is empty. Raises `Invalid`."""
    return time_of(Form(((field, text), ("zone", "UTC"))), field)


def typed(time: datetime | None) -> str:
    """Return *time* as a field for times has it, in UTC."""
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _in_zone(wall: datetime, form: Form, field: str) -> datetime:
    name = form.text("zone") or "UTC"
    if (zone := zone_of(name)) is None:
        raise Invalid.at("/zone", f"{name[:80]!r} is no time zone", "write one as in Europe/Berlin")
    try:
        return moment(wall, zone)
    except (OverflowError, ValueError) as error:
        raise Invalid.at(f"/{field}", "is beyond what calendars know", "choose a nearer time") from error
