"""A form that is sent twice, by an impatient finger or over a bad network, counts once."""

import hashlib
import secrets

from pennon.control.log import Idempotency
from pennon.control.ui.forms import Form

NOTHING = Form(())
"""A form into which nobody has typed."""
_ONCE = "once"
_DIGITS = 24


def once() -> str:
    """Return what tells a form that is shown from every other: its field `once`."""
    return secrets.token_hex(_DIGITS // 2)


def idempotency(form: Form) -> Idempotency | None:
    """Return under which name a form is obeyed. What has other contents is another command."""
    if not form.text(_ONCE):
        return None
    digest = hashlib.sha256(repr(tuple(form.kept())).encode()).hexdigest()
    return Idempotency(f"page-{form.text(_ONCE)[:_DIGITS]}-{digest[:_DIGITS]}", digest)
