"""Pages of requests, schedules, changes and home, as a browser without scripts gets them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx2
import pytest

from tests.integration.nodes import eventually
from tests.serving import Api, serving
from tests.unscripted import beside, people, sees, sent, signed_in

PROJECT = "/projects/default"
HERE = f"{PROJECT}/environments/production"
ON = [{"do": "turnOn", "flag": "payments"}]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("work") / "data") as (_, api):
        for key in ("payments", "search"):
            api.made("POST", "projects/default/flags", {"key": key})
        api.made("POST", "projects/default/environments", {"key": "guarded", "production": True})
        guarded = api.made("GET", "projects/default/environments/guarded")
        protection = {"approvals": 1, "why": True}
        api.made(
            "PUT",
            "projects/default/environments/guarded",
            {**{name: guarded[name] for name in ("production",)}, "protection": protection},
        )
        people(api, anne="administrator", rita="reader", dora="developer", max="releaseManager")
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[httpx2.Client]:
    with signed_in(api, "anne") as http:
        yield http


def proposed(api: Api, title: str, environment: str = "production", **rest: object) -> str:
    draft = {"title": title, "changes": [{"environment": environment, "edits": ON}], **rest}
    return str(api.made("POST", "projects/default/requests", draft)["key"])


def edits_of(text: str) -> dict[str, str]:
    return {"edits": text, "expected": "", "back": HERE + "/changes"}


def test_a_request_tells_what_it_lacks_and_the_glass_is_offered_to_who_may_break_it(
    api: Api, anne: httpx2.Client
) -> None:
    key = proposed(api, "Guarded launch", "guarded", applyAt="2031-01-01T08:00:00Z")
    page = sees(anne, f"{PROJECT}/requests/{key}")
    assert "changes here take 1 approval" in page
    assert "Made by itself at" in page
    assert "Break the glass" in page
    with signed_in(api, "dora") as dora:
        page = sees(dora, f"{PROJECT}/requests/{key}")
        assert "Break the glass" not in page
        assert "Approve</button>" not in page
    sent(anne, f"{PROJECT}/requests/{key}", {"approve": "1", "edition": "1"})
    page = sees(anne, f"{PROJECT}/requests/{key}")
    assert "It lacks yet" not in page
    assert "Break the glass" not in page
    sent(anne, f"{PROJECT}/requests/{key}", {"withdraw": "1"})


def test_somebody_says_something_of_a_request_without_a_verdict(api: Api, anne: httpx2.Client) -> None:
    key = proposed(api, "To be talked about", "guarded")
    one = f"{PROJECT}/requests/{key}"
    with signed_in(api, "dora") as dora:
        empty = sent(dora, one, {"say": "1", "comment": " "}, page=one)
        assert empty.status_code == 422
        assert "says something" in beside(empty.text, "text")
        said = sent(dora, one, {"say": "1", "comment": "After <b>the</b> sale,\r\nplease."}, page=one)
        assert "After &lt;b&gt;the&lt;/b&gt; sale,\nplease." in said.text
    with signed_in(api, "rita") as rita:
        assert "Comment</button>" not in sees(rita, one)
        assert sent(rita, one, {"say": "1", "comment": "me too"}).status_code == 403
    sent(anne, one, {"withdraw": "1"})
    assert "Withdraw</button>" not in sees(anne, one)
    assert "It is done elsewhere" in sent(anne, one, {"say": "1", "comment": "It is done elsewhere"}).text
    assert [each["by"]["name"] for each in api.made("GET", one[1:])["comments"]] == ["Dora", "Anne"]


def test_a_request_is_edited_with_the_words_of_the_api_beside_what_is_wrong(api: Api, anne: httpx2.Client) -> None:
    key = proposed(api, "To be edited")
    path = f"{PROJECT}/requests/{key}/edit"
    form = sees(anne, path)
    assert "&#34;turnOn&#34;" in form
    typed = {"title": "Another title", "why": "OPS-1", "at": "", "zone": "UTC", "version": "1"}
    wrong = {**typed, "environment": ["production", "guarded"], "edits": ["", '[{"do": "turnOn", "flg": "payments"}]']}
    answer = sent(anne, path, wrong)
    assert answer.status_code == 422
    assert "flg" in answer.text
    assert 'value="Another title"' in answer.text
    assert 'id="edits-2-problem"' in answer.text
    for fields, said in (
        ({"at": "2031-01-01T08:00", "zone": "Mars/Olympus"}, "no time zone"),
        ({"at": "2001-01-01T08:00"}, "this time has passed"),
        ({"at": "soon"}, "is no time"),
        ({"edits": ["{", ""]}, "problem"),
        ({"title": ""}, "needs a title"),
    ):
        answer = sent(anne, path, {**wrong, "edits": ['[{"do":"turnOn","flag":"payments"}]', ""], **fields})
        assert answer.status_code == 422, fields
        assert said in answer.text, fields
    both = ['[{"do":"turnOn","flag":"payments"}]', '[{"do":"turnOn","flag":"search"}]']
    done = sent(anne, path, {**wrong, "edits": both, "at": "2031-07-01T08:00", "zone": "Europe/Berlin"})
    assert "In guarded" in done.text
    made = api.made("GET", f"projects/default/requests/{key}")
    assert (made["title"], made["edition"], len(made["changes"])) == ("Another title", 2, 2)
    assert made["applyAt"].startswith("2031-07-01T06:00:00")


def test_who_edits_a_request_that_was_edited_meanwhile_is_told_and_can_go_on(api: Api, anne: httpx2.Client) -> None:
    key = proposed(api, "Edited by two")
    path = f"{PROJECT}/requests/{key}/edit"
    typed = {"why": "", "at": "", "zone": "UTC", "version": "1", "environment": "production"}
    mine = {**typed, "title": "Mine", "edits": '[{"do":"turnOn","flag":"search"}]'}
    draft = {"title": "Theirs", "changes": [{"environment": "production", "edits": ON}]}
    api.made("PUT", f"projects/default/requests/{key}", draft)
    late = sent(anne, path, mine)
    assert late.status_code == 412
    assert "Below is what you typed" in late.text
    version = re.search(r'name="version" value="(\d+)"', late.text)
    assert version is not None
    assert 'value="Mine"' in late.text
    assert "Mine" in sent(anne, path, {**mine, "version": version[1]}).text
    assert api.made("GET", f"projects/default/requests/{key}")["title"] == "Mine"


def test_a_reader_proposes_withdraws_and_plans_nothing(api: Api) -> None:
    key = proposed(api, "Not for readers")
    edits = edits_of('[{"do":"turnOn","flag":"payments"}]')
    with signed_in(api, "rita") as rita:
        asked = [
            (f"{HERE}/review", {**edits, "propose": "1", "title": "Mine"}),
            (f"{HERE}/review", {**edits, "plan": "1", "title": "Mine", "at": "2031-01-01T08:00", "zone": "UTC"}),
            (f"{PROJECT}/requests/{key}", {"withdraw": "1"}),
            (f"{PROJECT}/requests/{key}", {"approve": "1"}),
        ]
        for path, fields in asked:
            assert sent(rita, path, fields).status_code == 403, fields
        page = sees(rita, f"{PROJECT}/requests/{key}")
        assert "Withdraw" not in page
        assert "Make the change" not in page
    assert api.made("GET", f"projects/default/requests/{key}")["state"] == "open"
    assert api.made("GET", f"{HERE[1:]}/schedules")["items"] == []


def test_a_reviewed_change_is_planned_for_later_and_its_schedule_is_held_and_cancelled(
    api: Api, anne: httpx2.Client
) -> None:
    edits = edits_of('[{"do":"turnOn","flag":"payments"}]')
    typed = {**edits, "plan": "1", "title": "A launch later", "why": "OPS-2", "zone": "Europe/Berlin"}
    for wrong, said in (({"at": ""}, "no time is named"), ({"at": "2001-01-01T09:00"}, "this time has passed")):
        answer = sent(anne, f"{HERE}/review", {**typed, **wrong})
        assert answer.status_code == 422
        assert said in answer.text
        assert 'value="A launch later"' in answer.text
    page = sent(anne, f"{HERE}/review", {**typed, "at": "2031-01-01T09:00"})
    assert "turn payments on" in page.text
    assert "2031-01-01 08:00:00 UTC" in page.text
    path = page.url.path
    assert "A launch later" in sees(anne, f"{HERE}/schedules")
    assert 'name="resume"' in sent(anne, path, {"pause": "1"}).text
    assert "Nothing, while it is paused" in sees(anne, path)
    assert 'name="pause"' in sent(anne, path, {"resume": "1"}).text
    assert sent(anne, path, {}).status_code == 422
    assert sent(anne, path, {"cancel": "1"}).url.path == f"{HERE}/schedules"
    assert anne.get(path).status_code == 404


def test_an_approved_time_is_proposed_where_nothing_can_be_planned(api: Api, anne: httpx2.Client) -> None:
    guarded = f"{PROJECT}/environments/guarded"
    edits = edits_of('[{"do":"turnOn","flag":"search"}]')
    review = sent(anne, f"{guarded}/review", edits)
    assert "Plan it for then" not in review.text
    made = sent(
        anne, f"{guarded}/review", {**edits, "propose": "1", "title": "Later", "at": "2031-01-01T09:00", "zone": "UTC"}
    )
    assert "Made by itself at" in made.text


def test_a_window_and_steps_are_planned_by_their_forms(api: Api, anne: httpx2.Client) -> None:
    assert "There is no flag nothing here" in sees(anne, f"{HERE}/plan?flag=nothing")
    assert "Plan it" in sees(anne, f"{HERE}/plan?flag=search")
    window = {"flag": "search", "kind": "window", "start": "22:00", "until": "06:00", "zone": "Europe/Berlin"}
    wrong = sent(anne, f"{HERE}/plan", {**window, "zone": "Nowhere/At-all", "title": "At night"})
    assert wrong.status_code == 422
    assert "is no time zone" in wrong.text
    assert "there are no days" in wrong.text
    assert 'value="At night"' in wrong.text
    made = sent(anne, f"{HERE}/plan", {**window, "days": ["mon", "fri"], "skip": "1"})
    assert "mon, fri from 22:00 until 06:00, Europe/Berlin" in made.text
    assert made.text.count("<time") >= 5
    steps = {"flag": "search", "kind": "steps", "variation": "on", "others": "off", "zone": "UTC"}
    wrong = sent(anne, f"{HERE}/plan", {**steps, "at1": "2031-01-01T09:00", "percent1": "101", "percent2": "5"})
    assert wrong.status_code == 422
    assert "is no percentage" in wrong.text
    times = {"at1": "2031-01-01T09:00", "percent1": "10", "at3": "2031-01-02T09:00", "percent3": "100"}
    made = sent(anne, f"{HERE}/plan", {**steps, **times})
    assert "search serves 10 % on, 90 % off" in made.text
    order = sent(anne, f"{HERE}/plan", {**steps, **times, "at3": "2030-01-01T09:00"})
    assert 'id="problem-at3"' in order.text


def test_changes_are_found_by_who_what_and_when(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", f"{HERE[1:]}/changes", {"edits": ON, "why": "by the token"})
    sent(anne, f"{HERE}/turn-off", {"flag": "payments", "why": "by Anne"})
    page = sees(anne, f"{HERE}/changes?who=anne&action=turn+off")
    assert "by Anne" in page
    assert "kill switch" in page
    assert "by the token" not in page
    assert "by Anne" not in sees(anne, f"{HERE}/changes?to=2001-01-01T00:00")
    assert "by Anne" not in sees(anne, f"{HERE}/changes?from=2999-01-01T00:00")
    assert "by Anne" not in sees(anne, f"{HERE}/changes?flag=search")
    assert "No such change" in sees(anne, f"{HERE}/changes?segment=none")
    assert anne.get(f"{HERE}/changes?from=yesterday").status_code == 422
    assert anne.get(f"{HERE}/changes?flag=a&segment=b").status_code == 422
    assert "flag search" in sees(anne, f"{PROJECT}/changes?flag=search")
    assert "dora" in sees(anne, "/installation/changes?action=createAccount")
    with signed_in(api, "rita") as rita:
        assert rita.get("/installation/changes").status_code == 403


def test_who_broke_the_glass_is_seen_at_a_glance(api: Api, anne: httpx2.Client) -> None:
    guarded = f"{PROJECT}/environments/guarded"
    edits = edits_of('[{"do":"turnOn","flag":"payments"}]')
    assert "breaking the glass takes a reason" in sent(anne, f"{guarded}/review", {**edits, "break-glass": "1"}).text
    sent(anne, f"{guarded}/review", {**edits, "break-glass": "1", "why": "shop is down"})
    assert '<span class="state refused">broke the glass</span>' in sees(anne, f"{guarded}/changes?glass=1")
    assert '<span class="state refused">broke the glass</span>' in sees(anne, PROJECT)


def test_the_past_and_what_became_of_it(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", f"{HERE[1:]}/changes", {"edits": [{"do": "setCritical", "flag": "search", "critical": True}]})
    head = int(api.made("GET", f"{HERE[1:]}/changes?limit=1")["items"][0]["revision"])
    assert "search" in sees(anne, f"{HERE}/as-of?revision={head}")
    assert "No flag was here then" in sees(anne, f"{HERE}/as-of?revision=0")
    assert "before the first change" in sees(anne, f"{HERE}/as-of?time=2001-01-01T00:00")
    assert "No flag of this name" in sees(anne, f"{HERE}/as-of?q=nothing")
    for wrong in ("time=2999-01-01T00:00", "time=x", f"time=2001-01-01T00:00&revision={head}"):
        assert anne.get(f"{HERE}/as-of?{wrong}").status_code == 422, wrong
    assert anne.get(f"{HERE}/as-of?revision=999999").status_code == 404
    assert "critical" in sees(anne, f"{HERE}/diff?from={head - 1}&to={head}")
    assert "the two are the same" in sees(anne, f"{HERE}/diff?from={head}&to={head}")
    assert "Write two revisions" in sees(anne, f"{HERE}/diff?from=x")
    assert anne.get(f"{HERE}/diff?from=1&to=999999").status_code == 404


def test_a_change_of_thousands_of_items_is_told_in_less_than_100_kb(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", "projects", {"key": "large"})
    api.made("POST", "projects/large/environments", {"key": "production", "production": True})
    keys = ['"quoted" & <long> ' + "x" * 20 + str(at) for at in range(10)]
    segments = [
        {"do": "putSegment", "segment": {"key": f"segment-{at:04}", "included": keys, "salt": "salt"}}
        for at in range(2000)
    ]
    here = "/projects/large/environments/production"
    api.made("POST", f"{here[1:]}/changes", {"edits": segments})
    head = api.made("GET", f"{here[1:]}/changes?limit=1")["items"][0]["revision"]
    pages = (f"/changes/{head}", f"/changes/{head}?items=1900", "/changes", f"/diff?from=0&to={head}")
    for path in pages:
        page = sees(anne, here + path)
        assert len(page.encode()) < 100_000, (path, len(page))
    assert "segment-1999" in sees(anne, f"{here}/changes/{head}?items=1900")
    assert "and 1995 more" in sees(anne, f"{here}/changes")
    assert len(sees(anne, "/projects/large").encode()) < 100_000


def test_home_tells_what_waits_for_whom_and_what_is_not_well(api: Api, anne: httpx2.Client) -> None:
    key = proposed(api, "Waits for a review")
    assert "Waits for a review" in sees(anne, PROJECT)
    with signed_in(api, "rita") as rita:
        page = sees(rita, PROJECT)
        assert "Waits for a review" not in page
        assert "Nothing waits for you" in page
        assert "The installation" not in sees(rita, f"{PROJECT}/attention")
    sent(anne, f"{PROJECT}/requests/{key}", {"approve": "1", "edition": "1"})
    assert "Waits for a review" not in sees(anne, PROJECT)
    page = sees(anne, f"{PROJECT}/attention")
    assert "The installation" in page
    assert "production is protected" in page


def test_home_tells_of_a_webhook_and_of_a_schedule_that_failed(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", "projects", {"key": "ailing"})
    api.made("POST", "projects/ailing/environments", {"key": "only"})
    api.made("POST", "projects/ailing/flags", {"key": "f"})
    home = "/projects/ailing"
    assert "All that is looked at here does well" in sees(anne, home)
    hook = {"key": "deaf", "url": "https://nowhere.invalid/hook"}
    api.made("POST", "projects/ailing/webhooks", hook)
    api.made("POST", "projects/ailing/webhooks/deaf/test")
    at = datetime.now(UTC) + timedelta(seconds=8)  # noqa: TID251  # the server has no other clock
    plan = {"kind": "once", "at": at.isoformat(), "edits": [{"do": "turnOn", "flag": "f"}]}
    api.made("POST", f"{home[1:]}/environments/only/schedules", {"title": "Night shift", "plan": plan})
    api.made("PUT", f"{home[1:]}/environments/only", {"protection": {"approvals": 1}})  # so it is not made at its time
    said = ("the webhook deaf was not told everything", "the schedule “Night shift” was not carried out in only")

    def told() -> str:
        page = sees(anne, home)
        return page if all(each in page for each in said) else ""

    page = eventually(told, within=60)
    assert f'href="{home}/webhooks/deaf"' in page
    assert f'href="{home}/environments/only/schedules/' in page
    assert "does well" not in page
    with signed_in(api, "dora") as dora:  # who may not see webhooks is not told of them
        assert "the webhook deaf" not in sees(dora, home)
        assert "Night shift" in sees(dora, home)


def test_each_change_of_the_project_and_of_the_installation_has_a_page(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", "projects/default/flags", {"key": "of-the-project", "description": "<i>first</i>"})
    row = re.search(rf'href="({PROJECT}/changes/\d+)">[^<]*of-the-project', sees(anne, f"{PROJECT}/changes"))
    assert row is not None
    page = sees(anne, row[1])
    assert "of the project</h1>" in page
    assert "&lt;i&gt;first&lt;/i&gt;" in page
    assert "Take this change back" not in page  # what is in all environments is edited where it is defined
    api.made("POST", "accounts", {"key": "newcomer", "name": "New Comer"})
    row = re.search(r'href="(/installation/changes/\d+)">[^<]*newcomer', sees(anne, "/installation/changes"))
    assert row is not None
    assert "New Comer" in sees(anne, row[1])
    assert anne.get("/installation/changes/999999").status_code == 404
    assert anne.get(f"{PROJECT}/changes/999999").status_code == 404
    with signed_in(api, "rita") as rita:
        assert rita.get(row[1]).status_code == 403


def test_what_people_write_into_requests_and_schedules_is_shown_as_they_wrote_it(api: Api, anne: httpx2.Client) -> None:
    key = proposed(api, '<b>"Bold"</b>', why="<script>")
    page = sees(anne, f"{PROJECT}/requests/{key}")
    assert "<b>" not in page
    assert '<b>"Bold"</b>' in unescape(page)
    assert "<script>" not in page
