"""First paint: the endpoint's answer, and hostile flags through real template engines into a real HTML parser."""

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import flask
import jinja2
import pytest
from django.template import Context, Engine  # type: ignore[import-untyped]

from pennon import Client
from pennon.sdk.web import serving
from pennon.sdk.web.flask import FlaskFlags
from pennon.sdk.web.templates import bootstrap_of
from pennon.testing import InMemorySource, flag
from tests.integration.nodes import CLIENT, EDGE, ENVIRONMENT, SERVER, RunningNode, boolean, eventually, key, running

U1 = {"targetingKey": "u1"}
HOSTILE = (
    "</script>",
    "</SCRIPT ><img src=x onerror=alert(1)>",
    "<!--",
    "<!--<script>",
    "-->",
    "]]>",
    "<![CDATA[",
    "&lt;/script&gt;",
    "\u2028\u2029",
    "\" onload='x' `${1}`",
    "{{ 7 * 7 }}{% raw %}",
    "\\u003c/script\\u003e",
    "\x00\x7f",
)
SERVER_SIDE = "price-of-the-takeover"


class Page(HTMLParser):
    """What a page holds: its script elements, and whether anything else is in it that nobody wrote there."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.elements: list[str] = []
        self.comments: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def bootstrap(self) -> dict[str, Any]:
        """Return the JSON of the one script element."""
        assert self.elements == ["body", "script", "p"]
        assert self.comments == []
        ((attributes, text),) = self.scripts
        assert attributes["type"] == "application/json"
        assert attributes["id"] == "pennon-bootstrap"
        found = json.loads(text)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    named = [name for name in HOSTILE if name.isprintable()]
    flags = [
        *(
            flag(f"value-{at}").variations(a=text, b="").client_side().on().serving("a")
            for at, text in enumerate(HOSTILE)
        ),
        flag("nested")
        .variations(a={text: [text, {text: text}] for text in HOSTILE}, b={})
        .client_side()
        .on()
        .serving("a"),
        *(flag(name).client_side().on() for name in named),
        flag(SERVER_SIDE).variations(a=SERVER_SIDE, b="").on().serving("a"),
    ]
    with Client(source=InMemorySource(*flags)) as made:
        yield made


def check(page: str, client: Client) -> None:
    """Hold *page* to what the client serves."""
    told = Page(page).bootstrap()
    expected = json.loads(client.bootstrap(U1).json)
    assert told["flags"] == expected["flags"]
    for at, text in enumerate(HOSTILE):
        assert told["flags"][f"value-{at}"]["value"] == text
    assert told["flags"]["nested"]["value"].keys() == set(HOSTILE)
    assert SERVER_SIDE not in page


PAGE = "<body>%s<p>after</p></body>"


def by_jinja_global(client: Client) -> str:
    environment = jinja2.Environment(autoescape=True)
    environment.globals["pennon_bootstrap"] = bootstrap_of(client)
    return environment.from_string(PAGE % "{{ pennon_bootstrap({'targetingKey': 'u1'}) }}").render()


def by_jinja_object(client: Client) -> str:
    template = jinja2.Environment(autoescape=True).from_string(PAGE % "{{ bootstrap }}")
    return template.render(bootstrap=client.bootstrap(U1))


def by_jinja_without_escaping(client: Client) -> str:
    template = jinja2.Environment(autoescape=False).from_string(PAGE % "{{ bootstrap.script(nonce) }}")
    return template.render(bootstrap=client.bootstrap(U1), nonce='"><script>')


def by_jinja_of_the_request(client: Client) -> str:
    environment = jinja2.Environment(autoescape=True)
    environment.globals["pennon_bootstrap"] = bootstrap_of()
    with serving(client, U1):
        return environment.from_string(PAGE % "{{ pennon_bootstrap(nonce='n') }}").render()


def by_flask(client: Client) -> str:
    app = flask.Flask(__name__)
    FlaskFlags(app, client=client, context=lambda _request: U1)
    app.add_url_rule("/", view_func=lambda: flask.render_template_string(PAGE % "{{ pennon_bootstrap() }}"))
    return app.test_client().get("/").get_data(as_text=True)


def by_flasks_flags(client: Client) -> str:
    app = flask.Flask(__name__)
    FlaskFlags(app, client=client, context=lambda _request: U1)
    app.add_url_rule("/", view_func=lambda: flask.render_template_string(PAGE % "{{ flags.bootstrap() }}"))
    return app.test_client().get("/").get_data(as_text=True)


def by_django_tag(client: Client) -> str:
    engine = Engine(libraries={"pennon": "pennon.sdk.web.django_tags"})
    with serving(client, U1):
        page: str = engine.from_string("{% load pennon %}" + PAGE % "{% pennon_bootstrap %}").render(Context())
        return page


def by_python(client: Client) -> str:
    return PAGE % client.bootstrap(U1)


WAYS = (
    by_jinja_global,
    by_jinja_object,
    by_jinja_without_escaping,
    by_jinja_of_the_request,
    by_flask,
    by_flasks_flags,
    by_django_tag,
    by_python,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_hostile_flags_leave_one_element_whose_json_is_the_flags(client: Client, way: Callable[[Client], str]) -> None:
    check(way(client), client)


def test_json_alone_is_escaped_in_an_attribute(client: Client) -> None:
    template = jinja2.Environment(autoescape=True).from_string('<body data-flags="{{ bootstrap.json }}"></body>')

    class Attribute(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, attrs))

    found: list[tuple[str, list[tuple[str, str | None]]]] = []
    bootstrap = client.bootstrap(U1)
    Attribute().feed(template.render(bootstrap=bootstrap))
    assert found == [("body", [("data-flags", bootstrap.json)])]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    hostile = flag("</script>").variations(on="<!--\u2028&", off="").client_side().on().serving("on").build()
    origins = key("pennon_client_limited", "client", origins=("https://shop.example",))
    with running(boolean("checkout", client_side=True), boolean(SERVER_SIDE), hostile, origins) as served:
        yield served


@pytest.mark.parametrize("secret", [SERVER, CLIENT], ids=["server", "client"])
def test_endpoint_tells_the_client_side_flags_whoever_asks(node: RunningNode, secret: str) -> None:
    with node.client(secret) as asking:
        answer = asking.post("/client/v1/bootstrap", json={"context": U1})
        bulk = asking.post("/ofrep/v1/evaluate/flags", json={"context": U1})
    assert answer.status_code == 200
    told = answer.json()
    assert told["flags"] == {
        "checkout": {"variation": "on", "value": True, "reason": "FALLTHROUGH", "flagVersion": 1},
        "</script>": {"variation": "on", "value": "<!--\u2028&", "reason": "FALLTHROUGH", "flagVersion": 1},
    }
    assert (told["environment"], told["revision"], told["ttl"]) == (
        ENVIRONMENT,
        answer.headers["x-pennon-revision"],
        300,
    )
    assert told["age"] >= 0
    assert SERVER_SIDE not in answer.text
    assert not set("<>&\u2028") & set(answer.text)
    if secret == CLIENT:
        assert told["flagsVersion"] == bulk.json()["metadata"]["flagsVersion"]
    assert answer.headers["cache-control"] == "private, no-cache"


def test_tag_covers_the_context_and_holds_while_nothing_changes(node: RunningNode) -> None:
    node.write(boolean("new", client_side=True))
    with node.client(CLIENT) as asking:
        eventually(lambda: "new" in asking.post("/client/v1/bootstrap", json={}).json()["flags"])
        first = asking.post("/client/v1/bootstrap", json={"context": U1})
        tag = {"if-none-match": first.headers["etag"]}
        again = asking.post("/client/v1/bootstrap", json={"context": U1}, headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        node.write(boolean("new", client_side=True, on=False))
        eventually(lambda: asking.post("/client/v1/bootstrap", json={"context": U1}, headers=tag).status_code == 200)


def test_server_and_sdk_say_the_same(node: RunningNode) -> None:
    with Client(node.url, key=SERVER, events=False) as local, node.client(SERVER) as asking:
        assert local.wait_until_ready(60)

        def both() -> bool:
            here = json.loads(local.bootstrap(U1).json)
            there = asking.post("/client/v1/bootstrap", json={"context": U1}).json()
            for told in (here, there):
                del told["age"], told["at"]
            return bool(here == there)

        eventually(both)


def test_who_may_not_ask_is_told_so(node: RunningNode) -> None:
    with node.client(EDGE) as asking:
        assert asking.post("/client/v1/bootstrap", json={}).status_code == 403
    with node.client(None) as asking:
        assert asking.post("/client/v1/bootstrap", json={}).status_code == 401
    with node.client("pennon_client_limited") as asking:
        for origin, status in (("https://shop.example", 200), ("https://evil.example", 403)):
            assert asking.post("/client/v1/bootstrap", json={}, headers={"origin": origin}).status_code == status


@pytest.mark.parametrize("body", [b"[", b"[]", b'{"context": 7}', b'{"context": %b}' % (b"[" * 50 + b"]" * 50)])
def test_body_without_a_context_that_can_be_read_is_refused(node: RunningNode, body: bytes) -> None:
    with node.client(CLIENT) as asking:
        refused = asking.post("/client/v1/bootstrap", content=body)
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
