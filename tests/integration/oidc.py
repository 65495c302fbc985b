"""A real OpenID Connect provider for tests, and a browser that signs in by it, as a person does it: form by form."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urljoin

import httpx2
import msgspec
import pytest

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
MODULE = Path(__file__).parents[2] / "js" / "node_modules" / "oidc-provider" / "package.json"
CLIENT, SECRET = "pennon", "a secret of the client that nobody sees 0123456789"
STEPS = 12
END_S = 60


class OidcProvider:
    """A running provider. `issuer` is its URL."""

    def __init__(self, public_url: str, *, is_public: bool = False) -> None:
        client = {
            "client_id": CLIENT,
            "redirect_uris": [f"{public_url}/api/v1/sign-in/oidc/callback"],
            **({"token_endpoint_auth_method": "none"} if is_public else {"client_secret": SECRET}),
        }
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), msgspec.json.encode(client).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NODE_NO_WARNINGS": "1"},
        )
        assert self._process.stdout is not None
        self.issuer = self._process.stdout.readline().decode().strip()
        assert self.issuer, "the provider does not come up"

    def tell(self, **what: Any) -> None:
        """Tell it how to be: `answers`, `people`, `skew` (seconds), or `keys="new"`."""
        assert httpx2.post(f"{self.issuer}/told", json=what).status_code == 204

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait(END_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def provider(public_url: str, **how: bool) -> Iterator[OidcProvider]:
    """Run a provider that knows the server at *public_url*. Skips the test where it cannot be run, fails on CI."""
    if shutil.which("node") is None:
        _give_up("the provider needs Node")
    if not MODULE.exists():
        _give_up("the provider needs js/node_modules: make js")
    running = OidcProvider(public_url, **how)
    try:
        yield running
    finally:
        running.kill()


@contextlib.contextmanager
def kept_port() -> Iterator[int]:
    """Give a free port that nobody else is given meanwhile, and that a server can listen on."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


class Browser:
    """Goes where it is sent, keeps cookies, and fills in the provider's forms."""

    def __init__(self, public_url: str) -> None:
        self.url = public_url
        self.http = httpx2.Client(timeout=60, follow_redirects=False)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Return what is at *path* of the server; the sign-in page, if it leads there."""
        return self._told(self.http.get(urljoin(self.url, path), headers=headers))

    def _told(self, answer: httpx2.Response) -> httpx2.Response:
        """Follow to the page that says why nobody was let in."""
        if not answer.headers.get("location", "").startswith("/sign-in"):
            return answer
        return self.http.get(urljoin(self.url, answer.headers["location"]))

    def come_back(self, login: str, *, following: str = "/") -> str:
        """Begin to sign in and do so at the provider as *login*. Return where it sends the browser back to."""
        begun = self.get(f"/api/v1/sign-in/oidc?next={following}")
        assert begun.status_code == 303, begun.text
        where, answer = begun.headers["location"], None
        for _ in range(STEPS):
            if where.startswith(self.url):
                return str(where)
            answer = self.http.get(where)
            while answer.status_code == 200:
                answer = self._filled_in(answer, login)
            assert answer.is_redirect, (answer.status_code, answer.text)
            where = urljoin(str(answer.url), answer.headers["location"])
        raise AssertionError(f"the provider goes round in circles: {where}")

    def sign_in(self, login: str, *, following: str = "/") -> httpx2.Response:
        """Sign in as *login*, and return the server's answer."""
        return self.finish(self.come_back(login, following=following))

    def finish(self, back: str) -> httpx2.Response:
        """Come back to the server, as a browser does."""
        return self._told(self.http.get(back, headers={"Accept": "text/html"}))

    def session(self) -> httpx2.Response:
        """Ask the server who one is."""
        return self.get("/api/v1/session")

    def _filled_in(self, page: httpx2.Response, login: str) -> httpx2.Response:
        found = re.search(r'action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert found is not None, page.text
        assert prompt is not None, page.text
        fields = {"prompt": prompt[1], "login": login, "password": "any"}
        return self.http.post(urljoin(str(page.url), found[1]), data=fields)


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
