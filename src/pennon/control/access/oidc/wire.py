"""The way to the provider: Authlib's client, with answers that are whole, small and in time, or none."""

import time
from typing import Any

import httpx2
from authlib.integrations.httpx_client import OAuth2Client

LONGEST_ANSWER = 512 * 1024
WAIT_S = 5.0
"""How long anything of an answer may be awaited."""
WHOLE_S = 10.0
"""How long everything that is asked in one sign-in may take: a byte a second is as good as silence."""


class Wire(OAuth2Client):  # type: ignore[misc]  # Authlib has no types
    """See the module. Errors are httpx2's and Authlib's."""

    def __init__(self, **options: Any) -> None:
        self._until = time.monotonic() + WHOLE_S
        super().__init__(
            code_challenge_method="S256",
            timeout=httpx2.Timeout(WAIT_S),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            follow_redirects=False,
            **options,
        )

    def read(self, url: str, *, token: str | None = None) -> bytes:
        """Return what is at *url*, for the holder of an access *token*. Raises `httpx2.HTTPError`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.request("GET", url, withhold_token=True, headers=headers)
        if response.status_code != httpx2.codes.OK:
            raise httpx2.HTTPStatusError(
                f"{url} answers {response.status_code}", request=response.request, response=response
            )
        return bytes(response.content)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, and return the whole answer. Raises `httpx2.TransportError`."""
        self._require_time(request)
        response = super().send(request, **{**options, "stream": True})
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise httpx2.DecodingError("the answer is compressed, which was not asked for", request=request)
            body = bytearray()
            for part in response.iter_raw():
                body += part
                if len(body) > LONGEST_ANSWER:
                    raise httpx2.ReadError("the answer is too long", request=request)
                self._require_time(request)
        finally:
            response.close()
        return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body), request=request)

    def _require_time(self, request: httpx2.Request) -> None:
        if time.monotonic() > self._until:
            raise httpx2.ReadTimeout("the provider takes too long", request=request)
