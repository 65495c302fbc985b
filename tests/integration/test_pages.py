"""Pages as a browser without scripts gets them: who is let in, what forms do, and what is never lost."""

import contextlib
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx2
import pytest

from tests.chromium import PASSWORD
from tests.serving import Api, serving

PRODUCTION = "/projects/default/environments/production"
FLAG = PRODUCTION + "/flags/new-checkout"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("pages") / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "new-checkout", "name": "The new <b>checkout</b>"})
        api.made("POST", "projects/default/flags", {"key": "payments", "tags": ["money"]})
        for account, role in (("anne", "administrator"), ("rita", "reader"), ("dora", "developer")):
            api.made("POST", "accounts", {"key": account, "name": account.title(), "grants": [{"role": role}]})
            api.made("PUT", f"accounts/{account}/password", {"password": PASSWORD})
        yield api


class Person:
    """Somebody with a browser that runs no scripts."""

    def __init__(self, api: Api) -> None:
        self.http = httpx2.Client(base_url=api.url, follow_redirects=True, timeout=60)
        self.page = ""

    def sees(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        self.page = answer.text
        return self.page

    def sends(self, path: str, fields: dict[str, str], *, csrf: bool = True) -> httpx2.Response:
        if csrf:
            fields = {**fields, "csrf": self.csrf}
        answer = self.http.post(path, data=fields)
        self.page = answer.text
        return answer

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page)
        assert found is not None, self.page
        return found[1]

    def hidden(self) -> dict[str, str]:
        """Return the hidden fields of the page's forms, as a browser would send them."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.page)
        return {unescape(name): unescape(value) for name, value in found}

    def signs_in(self, account: str, **fields: str) -> httpx2.Response:
        return self.sends("/sign-in", {"account": account, "password": PASSWORD, **fields}, csrf=False)


@pytest.fixture
def person(api: Api) -> Iterator[Callable[..., Person]]:
    """Make a person, signed in as the account that is named, or a stranger."""
    with contextlib.ExitStack() as stack:

        def made(account: str = "") -> Person:
            someone = Person(api)
            stack.callback(someone.http.close)
            if account:
                assert someone.signs_in(account).status_code == 200
            return someone

        yield made


@pytest.fixture
def anne(person: Callable[..., Person]) -> Person:
    return person("anne")


def revision(api: Api) -> int:
    return int(api.made("GET", "projects/default/environments/production/changes?limit=1")["items"][0]["revision"])


def test_nobody_sees_a_page_before_he_has_signed_in_and_then_he_sees_the_one_that_he_wanted(
    person: Callable[..., Person],
) -> None:
    stranger = person()
    wanted = stranger.sees(FLAG + "?x=1")
    assert "Sign in" in wanted
    assert 'name="next" value="' + FLAG + '?x=1"' in unescape(wanted)
    answer = stranger.signs_in("anne", next=FLAG + "?x=1")
    assert answer.url.path == FLAG


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "/a\\b", "/\tx", "x"]
)
def test_signing_in_leads_to_no_other_site(person: Callable[..., Person], elsewhere: str) -> None:
    stranger = person()
    stranger.http.follow_redirects = False
    answer = stranger.signs_in("anne", next=elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_wrong_password_says_the_same_whether_there_is_such_an_account(person: Callable[..., Person]) -> None:
    answers = []
    for account in ("anne", "nobody"):
        stranger = person()
        wrong = {"account": account, "password": "wrong wrong wrong"}
        answer = stranger.sends("/sign-in", wrong, csrf=False)
        assert answer.status_code == 401
        answers.append(answer.text.replace(f'value="{account}"', ""))
    assert answers[0] == answers[1]


def test_every_page_says_that_nothing_foreign_runs_in_it_and_nobody_keeps_it(anne: Person) -> None:
    answer = anne.http.get("/projects/default/flags")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|style=\"|\son[a-z]+=", answer.text)


def test_what_people_write_is_shown_as_they_wrote_it(anne: Person) -> None:
    assert "The new &lt;b&gt;checkout&lt;/b&gt;" in anne.sees("/projects/default/flags")
    assert "<b>checkout" not in anne.sees(FLAG)


def test_files_of_pages_are_kept_for_good_and_no_other_file_is_given(anne: Person) -> None:
    page = anne.sees("/projects/default/flags")
    style = re.search(r'href="(/pages/pennon-[0-9a-f]{12}\.css)"', page)
    assert style is not None
    answer = anne.http.get(style[1])
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/pages/..%2fsite.py", "/pages/pennon.css", "/pages/pennon-000000000000.css", "/pages/%2e%2e/site.py"):
        assert anne.http.get(path).status_code == 404


def test_turning_on_is_reviewed_and_turning_off_is_one_page(api: Api, anne: Person) -> None:
    anne.sees(FLAG)
    review = anne.sends(PRODUCTION + "/edit", {"do": "turn-on", "flag": "new-checkout"})
    assert "flag new-checkout: turned on" in review.text
    before = revision(api)
    done = anne.sends(PRODUCTION + "/review", {**anne.hidden(), "apply": "1", "why": "launch"})
    assert f"Changed, in revision {before + 1}" in done.text
    assert api.made("GET", "projects/default/environments/production/flags/new-checkout")["on"]
    assert "Everybody gets <code>off</code> at once" in anne.sees(PRODUCTION + "/turn-off?flag=new-checkout")
    done = anne.sends(PRODUCTION + "/turn-off", {"flag": "new-checkout"})
    assert f"Turned off, in revision {before + 2}" in done.text
    assert not api.made("GET", "projects/default/environments/production/flags/new-checkout")["on"]


def test_the_kill_switch_tells_what_would_turn_the_flag_on_again(api: Api, anne: Person) -> None:
    api.made("POST", "projects/default/flags", {"key": "held"})
    assert "It will not stay off by itself" not in anne.sees(PRODUCTION + "/turn-off?flag=held")
    window = {"kind": "window", "days": ["mon"], "start": "09:00", "until": "17:00", "zone": "UTC"}
    edits = {do: [{"do": each, "flag": "held"}] for do, each in (("edits", "turnOn"), ("endEdits", "turnOff"))}
    made = api.made("POST", f"{PRODUCTION[1:]}/schedules", {"title": "Open <late>", "plan": {**window, **edits}})
    page = anne.sees(PRODUCTION + "/turn-off?flag=held")
    assert "It will not stay off by itself" in page
    assert f"schedule {made['key']} (Open &lt;late&gt;) turns flag &#39;held&#39; on at " in page
    api.made("DELETE", f"{PRODUCTION[1:]}/schedules/{made['key']}")


def test_a_form_of_another_site_changes_nothing(api: Api, anne: Person) -> None:
    before = revision(api)
    for fields in ({"flag": "payments"}, {"flag": "payments", "csrf": "0" * 64}, {"flag": "payments", "csrf": "ü"}):
        answer = anne.sends(PRODUCTION + "/turn-off", fields, csrf=False)
        assert answer.status_code == 403
    assert revision(api) == before


def test_a_reader_is_shown_no_switch_and_is_refused_if_he_sends_one(person: Callable[..., Person]) -> None:
    rita = person("rita")
    page = rita.sees(FLAG)
    assert "Turn o" not in page
    assert "Edit" not in page
    answer = rita.sends(PRODUCTION + "/turn-off", {"flag": "payments"})
    assert answer.status_code == 403
    assert "ask somebody who is" in answer.text


def test_what_was_typed_when_the_session_ended_is_there_after_signing_in(api: Api, anne: Person) -> None:
    anne.sees(FLAG)
    typed = {"do": "add-target", "flag": "payments", "values": 'ada\n"grace" & <co>', "variation": "on"}
    mine = {**typed, "csrf": anne.csrf}
    anne.http.cookies.clear()
    asked = anne.http.post(PRODUCTION + "/edit", data=mine)
    assert asked.status_code == 401
    assert "Your session is over" in asked.text
    anne.page = asked.text
    resumed = anne.signs_in("anne", **anne.hidden())
    assert "What you typed is still here" in resumed.text
    anne.page = resumed.text
    fields = anne.hidden()
    assert {name: fields[name] for name in typed} == typed
    review = anne.http.post(PRODUCTION + "/edit", data=fields)
    assert "ada" in review.text
    assert "&lt;co&gt;" in review.text


def test_a_field_that_is_wrong_is_told_beside_it_and_keeps_what_was_typed(anne: Person) -> None:
    anne.sees(FLAG)
    wrong = {"do": "serve", "flag": "new-checkout", "serve": "split", "weight.on": "30", "weight.off": "60"}
    answer = anne.sends(PRODUCTION + "/edit", wrong)
    assert answer.status_code == 422
    assert "the shares sum to 90 %: make them 100 % in all" in answer.text
    assert 'name="weight.on" inputmode="decimal" value="30"' in answer.text


def test_who_edits_what_somebody_else_changed_meanwhile_is_told_and_loses_nothing(api: Api, anne: Person) -> None:
    anne.sees(FLAG)
    anne.sends(PRODUCTION + "/edit", {**anne.hidden(), "do": "add-target", "values": "ada", "variation": "on"})
    mine = anne.hidden()
    edits = [{"do": "setCritical", "flag": "new-checkout", "critical": True}]
    api.made("POST", "projects/default/environments/production/changes", {"edits": edits})
    late = anne.sends(PRODUCTION + "/review", {**mine, "apply": "1", "why": "for Ada"})
    assert late.status_code == 412
    assert "Somebody was faster" in late.text
    assert 'value="for Ada"' in late.text
    assert "ada targeted with on" in late.text


def test_a_developer_proposes_what_he_may_not_change_and_somebody_else_makes_it(
    api: Api, anne: Person, person: Callable[..., Person]
) -> None:
    dora = person("dora")
    dora.sees(FLAG)
    dora.sends(PRODUCTION + "/edit", {**dora.hidden(), "do": "add-target", "values": "grace", "variation": "on"})
    assert "Change production" not in dora.page
    made = dora.sends(PRODUCTION + "/review", {**dora.hidden(), "title": "Grace first", "propose": "1"})
    assert made.status_code == 200, made.text
    assert "Grace first" in made.text
    refused = dora.sends(made.url.path, {"apply": "1"})
    assert refused.status_code == 403
    anne.sees(made.url.path)
    approved = anne.sends(made.url.path, {"approve": "1", "edition": "1", "comment": "Fine."})
    assert "1 approval" in approved.text
    applied = anne.sends(made.url.path, {"apply": "1"})
    assert '<span class="state applied">applied</span>' in applied.text
    flag = api.made("GET", "projects/default/environments/production/flags/new-checkout")
    assert {"values": ["grace"], "variation": "on"} in flag["targets"]


def test_what_is_not_there_and_what_cannot_be_read_get_a_page(api: Api, anne: Person) -> None:
    bad: list[tuple[str, int]] = [
        ("/projects/nowhere", 404),
        (PRODUCTION + "/flags/nothing", 404),
        ("/projects/default/environments/nowhere/changes", 404),
        (PRODUCTION + "/changes/99999999", 404),
        (PRODUCTION + "/turn-off?flag=%00", 404),
    ]
    for path, status in bad:
        answer = anne.http.get(path)
        assert answer.status_code == status, (path, answer.status_code)
        assert "<!doctype html>" in answer.text
        assert "What you typed" not in answer.text
    for path in ("/nowhere", "/people/accounts", "/projects/default/nothing/of/it"):  # which no route takes
        answer = anne.http.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert (answer.status_code, "There is no such page" in answer.text) == (404, True), (path, answer.text)
        assert anne.http.get(path).json()["type"].endswith("no-such-path")
    for fields in ({"edits": "{"}, {"edits": "[]"}, {"edits": '[{"do":"nothing"}]'}, {}):
        anne.sees(FLAG)
        answer = anne.sends(PRODUCTION + "/review", dict(fields))
        assert answer.status_code == 422, (fields, answer.status_code)
        is_review = fields.get("edits") == "[]"  # which can be read, and says that it changes nothing
        assert ("What you typed is still in the page before" in answer.text) is not is_review
    assert anne.http.post(PRODUCTION + "/review", content=b"\xff\xfe=1").status_code in {400, 403}


def test_a_flag_with_any_imported_key_has_its_page(api: Api, anne: Person) -> None:
    key = "team/a?b=c&d#e f"
    compat = {"vendor": "unleash", "dialect": "python"}
    configuration = {"fallthrough": {"variation": "on"}, "compat": compat}
    edit: dict[str, Any] = {"do": "putFlag", "definition": {"key": key}, "configuration": configuration}
    api.made("POST", "projects/default/environments/production/changes", {"edits": [edit]})
    page = anne.sees("/projects/default/flags?q=team")
    link = re.search(r'class="key" href="([^"]+)"', page)
    assert link is not None
    assert "team/a?b=c&amp;d#e f" in anne.sees(unescape(link[1]))


def test_a_project_without_flags_says_how_to_begin(api: Api, anne: Person) -> None:
    api.made("POST", "projects", {"key": "empty"})
    try:
        assert '<a href="/projects/empty/new-flag">Make the first flag</a>' in anne.sees("/projects/empty")
    finally:
        assert api.send("DELETE", "projects/empty").is_success
    assert "Begin here" not in anne.sees("/projects/default")
