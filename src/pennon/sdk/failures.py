"""What can go wrong between a client and an upstream, as a value: whose fault it is and what to do about it."""

from collections.abc import Mapping

from pennon.sdk.errors import SdkError
from pennon.sdk.ladder import Failure, FailureKind


class UpstreamFailed(SdkError):
    """An upstream did not give what was asked of it. `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class LineCut(SdkError):
    """Somebody cut the line that a loop was reading: the process forks, the client closes, the stream is silent."""


def refusal(url: str, status: int, headers: Mapping[str, str], body: bytes = b"") -> Failure:
    """Return what an answer of *status* means, other than 200, 202 and 304."""
    said = _excerpt(body)
    wish = _retry_after_s(headers.get("retry-after", ""))
    if status in (401, 403):
        mend = "check that the key is a server key of this environment, and neither revoked nor expired"
        return Failure(FailureKind.REFUSED, f"{url} refused the key with {status}{said}: {mend}", wish)
    if status in (404, 410):
        return Failure(FailureKind.MISSING, f"{url} answered {status}{said}: check the address", wish)
    if status in (400, 413, 415, 422):
        return Failure(FailureKind.UNFIT, f"{url} cannot take what it was sent: {status}{said}", wish)
    if status in (429, 503):
        return Failure(FailureKind.BUSY, f"{url} is busy: it answered {status}{said}", wish)
    if 300 <= status < 400:
        where = headers.get("location", "nowhere")
        return Failure(FailureKind.MISSING, f"{url} redirects to {where}: use that address, keys follow no redirect")
    return Failure(FailureKind.BROKEN, f"{url} answered {status}{said}", wish)


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:200].decode(errors="replace").split())
    return f" ({text})" if text else ""


def _retry_after_s(text: str) -> float | None:
    """Return the seconds of a `Retry-After`. A date, the other form, is rare and needs both clocks right: ignored."""
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
