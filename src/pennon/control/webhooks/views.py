"""What there is of webhooks, for pages and for other nouns. Where they lead is sealed, and not in here."""

from pennon.control.changes.summary import place_of
from pennon.control.errors import NotFound
from pennon.control.log import INSTALLATION, Reading
from pennon.control.projects.views import project as find_project
from pennon.control.webhooks.models import KIND, Webhook


def webhooks(reading: Reading, owner: str) -> list[Webhook]:
    """Return the webhooks of a log, by key. Raises `NotFound` for a project that is not there."""
    _require(reading, owner)
    return [stored.read(Webhook) for stored in reading.items(owner, KIND)]


def webhook(reading: Reading, owner: str, key: str) -> Webhook:
    """Return a webhook of a log. Raises `NotFound`, for the project if that is what is missing."""
    if (found := find_webhook(reading, owner, key)) is None:
        _require(reading, owner)
        raise NotFound("webhook", key)
    return found


def find_webhook(reading: Reading, owner: str, key: str) -> Webhook | None:
    """Return a webhook of a log; None if there is none of this key."""
    stored = reading.item(owner, KIND, key)
    return None if stored is None else stored.read(Webhook)


def _require(reading: Reading, owner: str) -> None:
    if owner != INSTALLATION:
        project, _ = place_of(owner)
        find_project(reading, project or "")
