"""Somebody with a browser that runs no scripts: signs in, looks at pages, and sends the forms that are on them."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from html import unescape

import httpx2

from tests.chromium import PASSWORD
from tests.serving import Api


def people(api: Api, **roles: str) -> None:
    """Make accounts: of each name, with that role everywhere."""
    for account, role in roles.items():
        api.made("POST", "accounts", {"key": account, "name": account.title(), "grants": [{"role": role}]})
        api.made("PUT", f"accounts/{account}/password", {"password": PASSWORD})


@contextlib.contextmanager
def signed_in(api: Api, account: str) -> Iterator[httpx2.Client]:
    """Give a browser in which *account* is signed in."""
    with httpx2.Client(base_url=api.url, follow_redirects=True, timeout=60) as http:
        http.post("/sign-in", data={"account": account, "password": PASSWORD})
        yield http


def sees(http: httpx2.Client, path: str) -> str:
    """Return the page at *path*, which must be there."""
    answer = http.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.text


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {unescape(name): unescape(value) for name, value in found}


def sent(http: httpx2.Client, path: str, fields: Mapping[str, object], *, page: str = "/account") -> httpx2.Response:
    """Send a form of *page*: what somebody typed, with what tells whose it is, and that it is one."""
    known = hidden(http.get(page).text)
    own: dict[str, object] = {name: known[name] for name in ("csrf", "once") if name in known}
    return http.post(path, data={**own, **fields})


def beside(page: str, field: str) -> str:
    """Return what stands beside a field that is wrong."""
    found = re.search(f'<p class="beside" id="problem-{re.escape(field)}" role="alert">([^<]*)</p>', page)
    assert found is not None, (field, page)
    return unescape(found[1])
