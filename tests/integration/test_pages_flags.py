"""The pages of flags as a browser without scripts gets them: lists, definitions, rules, comparisons."""

import contextlib
import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest

from tests.chromium import PASSWORD
from tests.integration.test_pages import Person
from tests.serving import Api, serving

LIST = "/projects/default/flags"
PRODUCTION = "/projects/default/environments/production"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("pages") / "data") as (_, api):
        api.made("POST", "projects/default/environments", {"key": "staging"})
        flags = [
            {"key": "payments", "tags": ["money"], "owner": "till"},
            {"key": "search", "lifetime": "permanent"},
            {"key": "old", "expectedRemoval": "2020-01-01"},
        ]
        for flag in flags:
            api.made("POST", "projects/default/flags", flag)
        for account, role in (("anne", "administrator"), ("rita", "reader"), ("dora", "developer")):
            api.made("POST", "accounts", {"key": account, "name": account.title(), "grants": [{"role": role}]})
            api.made("PUT", f"accounts/{account}/password", {"password": PASSWORD})
        change(api, {"do": "turnOn", "flag": "search"})
        yield api


def change(api: Api, *edits: dict[str, object], environment: str = "production") -> None:
    api.made("POST", f"projects/default/environments/{environment}/changes", {"edits": list(edits)})


@pytest.fixture(scope="module")
def person(api: Api) -> Iterator[Callable[[str], Person]]:
    with contextlib.ExitStack() as stack:
        known: dict[str, Person] = {}

        def made(account: str) -> Person:
            if account not in known:
                known[account] = someone = Person(api)
                stack.callback(someone.http.close)
                assert someone.signs_in(account).status_code == 200
            return known[account]

        yield made


@pytest.fixture
def anne(person: Callable[[str], Person]) -> Person:
    return person("anne")


def keys(page: str) -> list[str]:
    return [unescape(key) for key in re.findall(r'<a class="key"[^>]*>([^<]+)</a>', page)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["old", "payments", "search"]),
        ("q=PAY", ["payments"]),
        ("tag=money", ["payments"]),
        ("owner=till", ["payments"]),
        ("owner=till&state=on", []),
        ("state=on", ["search"]),
        ("state=off", ["old", "payments"]),
        ("state=on&environment=staging", []),
        ("reason=pastRemoval", ["old"]),
        ("reason=pastRemoval&state=on", []),
        ("reason=nonsense&environment=nowhere", ["old", "payments", "search"]),
    ],
)
def test_the_list_is_filtered_by_what_its_address_asks(anne: Person, query: str, found: list[str]) -> None:
    assert keys(anne.sees(f"{LIST}?{query}")) == found


def test_a_flag_is_turned_on_and_off_from_the_list_by_who_may(
    anne: Person, person: Callable[[str], Person], api: Api
) -> None:
    page = anne.sees(LIST)
    assert 'aria-label="Turn on payments in production"' in page
    assert f'href="{PRODUCTION}/turn-off?flag=search"' in page
    review = anne.sends(PRODUCTION + "/edit", {"do": "turn-on", "flag": "payments"})
    assert "flag payments: turned on" in review.text
    assert "urn on" not in (seen := person("rita").sees(LIST))
    assert "urn off" not in seen


def test_a_new_flag_is_made_of_a_form_and_is_off(anne: Person, api: Api) -> None:
    anne.sees("/projects/default/new-flag")
    fields = {
        "flag": "greeting",
        "kind": "object",
        "lifetime": "permanent",
        "variation.0.key": "a",
        "variation.0.value": '{"text": "hello"}',
        "variation.2.key": "b",
        "variation.2.value": "{",
        "tags": "web, text,",
        "owner": "writers",
    }
    refused = anne.sends("/projects/default/new-flag", fields)
    assert refused.status_code == 422
    assert 'id="problem-variation.2.value"' in refused.text
    assert 'value="web, text,"' in refused.text
    assert "&#34;hello&#34;" in refused.text
    more = anne.sends("/projects/default/new-flag", {**fields, "more": "1"})
    assert 'name="variation.5.key"' in more.text
    assert "is not JSON" not in more.text
    made = anne.sends("/projects/default/new-flag", {**fields, "variation.2.value": "{}"})
    assert made.url.path == f"{PRODUCTION}/flags/greeting"
    assert "It is there, and off everywhere" in made.text
    found = api.made("GET", "projects/default/flags/greeting")
    assert found["tags"] == ["web", "text"]
    assert [each["value"] for each in found["variations"]] == [{"text": "hello"}, {}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"flag": "payments"}, None),
        ({"flag": "with\ttab"}, "flag"),
        ({"kind": "number", "variation.0.key": "a", "variation.0.value": '"x"'}, "variation.0.value"),
        ({"variation.0.key": "a", "variation.0.value": "maybe"}, "variation.0.value"),
        ({"expectedRemoval": "soon"}, "expectedRemoval"),
        ({"kind": "nothing"}, "kind"),
        ({"lifetime": "nothing"}, "lifetime"),
    ],
)
def test_what_is_wrong_with_a_new_flag_is_told_and_all_that_was_typed_is_kept(
    anne: Person, wrong: dict[str, str], field: str | None
) -> None:
    anne.sees("/projects/default/new-flag")
    fields = {"flag": "wrong", "kind": "boolean", "lifetime": "temporary", "name": "My <flag>", **wrong}
    answer = anne.sends("/projects/default/new-flag", fields)
    assert answer.status_code in {409, 422}, answer.text
    assert 'value="My &lt;flag&gt;"' in answer.text
    assert ("is there already" if field is None else f'id="problem-{field}"') in answer.text


def test_a_definition_is_changed_and_of_two_the_later_is_told(anne: Person, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "theme", "tags": ["a, b"], "valueSchema": {"type": "boolean"}})
    page = anne.sees("/projects/default/definitions/theme")
    assert "Schema of its values" in page
    fields = {**{n: v for n, v in anne.hidden().items() if n != "do"}, "kind": "boolean", "lifetime": "permanent"}
    rows = {
        "variation.0.key": "on",
        "variation.0.value": "true",
        "variation.1.key": "off",
        "variation.1.value": "false",
    }
    saved = anne.sends(
        "/projects/default/definition", {**fields, **rows, "do": "define", "tags": "a, b", "name": "Theme"}
    )
    assert "Saved." in saved.text
    found = api.made("GET", "projects/default/flags/theme")
    assert (found["name"], found["tags"], found["valueSchema"]) == ("Theme", ["a, b"], {"type": "boolean"})
    late = anne.sends("/projects/default/definition", {**fields, **rows, "do": "define", "name": "Mine"})
    assert late.status_code == 412
    assert 'value="Mine"' in late.text
    assert "Look at it as it is now" in late.text


def test_a_flag_is_archived_found_restored_and_deleted_with_its_key_typed(anne: Person, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "gone"})
    anne.sees("/projects/default/definitions/gone")
    archived = anne.sends("/projects/default/definition", {"do": "archive", "flag": "gone", "why": "shipped"})
    assert "Archived: it evaluates no more" in archived.text
    assert keys(page := anne.sees("/projects/default/archived-flags")) == ["gone"]
    assert "shipped" in page
    assert "gone" not in keys(anne.sees(LIST))
    assert "Restore it" in anne.sees("/projects/default/flags/gone")
    assert "Restored" in anne.sends("/projects/default/definition", {"do": "restore", "flag": "gone"}).text
    wrong = anne.sends("/projects/default/definition", {"do": "delete", "flag": "gone", "confirm": "Gone"})
    assert wrong.status_code == 409
    assert "is not confirmed" in wrong.text
    done = anne.sends("/projects/default/definition", {"do": "delete", "flag": "gone", "confirm": "gone"})
    assert done.url.path == LIST
    assert "Deleted." in done.text


def test_who_may_not_define_flags_is_shown_no_form_and_refused(person: Callable[[str], Person]) -> None:
    rita = person("rita")
    page = rita.sees("/projects/default/definitions/payments")
    assert "Save it" not in page
    assert "Archive it" not in page
    csrf = {"csrf": rita.csrf}
    for fields in (
        {"do": "archive"},
        {"do": "delete", "confirm": "payments"},
        {"do": "define", "kind": "boolean", "lifetime": "permanent"},
    ):
        sent = {"flag": "payments", **fields, **csrf}
        assert rita.sends("/projects/default/definition", sent, csrf=False).status_code == 403
    assert rita.http.get("/projects/default/new-flag").status_code == 403


def rule(api: Api, flag: str = "rules", index: int = 0) -> dict[str, object]:
    found: dict[str, object] = api.made("GET", f"{PRODUCTION[1:]}/flags/{flag}")["rules"][index]
    return found


@pytest.fixture(scope="module")
def _rules(api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "rules"})
    conditions = [
        {"attribute": "country", "op": "in", "values": ["DE", "FR"], "ignoreCase": True},
        {"attribute": "weight", "op": "in", "values": [1, "one"]},
    ]
    split = {"weights": [{"variation": "on", "weight": 20000}, {"variation": "off", "weight": 80000}]}
    made = {"id": "beta", "conditions": conditions, "serve": {"split": split}, "description": "Beta"}
    change(api, {"do": "addRule", "flag": "rules", "rule": made})


def applied(anne: Person) -> None:
    done = anne.sends(PRODUCTION + "/review", {**anne.hidden(), "apply": "1"})
    assert "Changed, in revision" in done.text, done.text


@pytest.mark.usefixtures("_rules")
def test_a_rule_is_edited_whole_and_what_the_form_cannot_show_stays(anne: Person, api: Api) -> None:
    page = anne.sees(PRODUCTION + "/rule?flag=rules&rule=beta")
    assert "This test is edited by the API" in page
    fields = {
        **anne.hidden(),
        "description": "Beta testers",
        "condition.0.op": "in",
        "condition.0.attribute": "country",
        "condition.0.values": "DE\nAT",
        "condition.0.ignoreCase": "on",
        "condition.2.op": "greaterOrEqual",
        "condition.2.attribute": "age",
        "condition.2.values": "many",
    }
    refused = anne.sends(PRODUCTION + "/rule", fields)
    assert refused.status_code == 422
    assert 'id="problem-condition.2.values"' in refused.text
    assert "many</textarea>" in refused.text
    more = anne.sends(PRODUCTION + "/rule", {**fields, "more": "1"})
    assert 'name="condition.3.op"' in more.text
    share = {"serve": "split", "weight.on": "30", "weight.off": "70"}
    review = anne.sends(PRODUCTION + "/rule", {**fields, "condition.2.values": "18", **share})
    assert review.status_code == 200, review.text
    applied(anne)
    found = rule(api)
    assert found["description"] == "Beta testers"
    assert found["conditions"] == [
        {"attribute": "country", "op": "in", "values": ["DE", "AT"], "ignoreCase": True},
        {"attribute": "weight", "op": "in", "values": [1, "one"]},
        {"attribute": "age", "op": "greaterOrEqual", "values": [18]},
    ]
    anne.sees(PRODUCTION + "/rule?flag=rules&rule=beta")
    gone = {
        "condition.1.remove": "on",
        "condition.0.remove": "on",
        "condition.2.op": "exists",
        "condition.2.attribute": "age",
    }
    anne.sends(PRODUCTION + "/rule", {**anne.hidden(), **gone, "description": "Beta testers"})
    applied(anne)
    assert rule(api)["conditions"] == [{"attribute": "age", "op": "exists"}]


@pytest.mark.usefixtures("_rules")
def test_a_rule_is_duplicated_and_stands_below_itself(anne: Person, api: Api) -> None:
    anne.sees(PRODUCTION + "/flags/rules")
    anne.sends(PRODUCTION + "/edit", {"do": "duplicate-rule", "flag": "rules", "rule": "beta"})
    applied(anne)
    first, second = rule(api), rule(api, index=1)
    assert first["id"] != second["id"]
    assert {**first, "id": ""} == {**second, "id": ""}
    assert anne.http.get(PRODUCTION + "/rule?flag=rules&rule=nothing").status_code == 404


def test_prerequisites_are_added_drawn_and_removed(anne: Person, api: Api) -> None:
    for key in ("base", "middle", "top"):
        api.made("POST", "projects/default/flags", {"key": key})
    change(api, {"do": "addPrerequisite", "flag": "top", "prerequisite": {"flag": "middle", "variations": ["on"]}})
    anne.sees(PRODUCTION + "/flags/middle")
    wanted = {"do": "add-prerequisite", "flag": "middle", "required": "base"}
    refused = anne.sends(PRODUCTION + "/edit", {**wanted, "variations": " "})
    assert "no variation is named" in refused.text
    anne.sends(PRODUCTION + "/edit", {**wanted, "variations": "on"})
    applied(anne)
    for key in ("base", "middle", "top"):
        drawn = re.findall(r"<title>([^<]+)</title><rect x=\"(\d+)\"", anne.sees(f"{PRODUCTION}/flags/{key}"))
        assert sorted(drawn, key=lambda box: int(box[1])) == [("base", "1"), ("middle", "209"), ("top", "417")]
    anne.sends(PRODUCTION + "/edit", {"do": "remove-prerequisite", "flag": "middle", "required": "base"})
    applied(anne)
    assert api.made("GET", f"{PRODUCTION[1:]}/flags/middle")["prerequisites"] == []
    assert "What needs what" not in anne.sees(f"{PRODUCTION}/flags/base")


def test_staleness_exposures_and_salt_are_edited(anne: Person, api: Api) -> None:
    before = api.made("GET", f"{PRODUCTION[1:]}/flags/payments")
    forms = [
        {"do": "staleness", "stale": "off", "seconds": "60"},
        {"do": "telling", "critical": "on", "exposures": "all"},
        {"do": "new-salt", "of": "flag"},
    ]
    for form in forms:
        anne.sees(PRODUCTION + "/flags/payments")
        anne.sends(PRODUCTION + "/edit", {"flag": "payments", **form})
        applied(anne)
    after = api.made("GET", f"{PRODUCTION[1:]}/flags/payments")
    assert after["staleness"] == {"maxAgeS": 60, "serve": {"variation": "off"}}
    assert (after["critical"], after["exposures"]) == (True, "all")
    assert after["salt"] != before["salt"]
    for wrong in (
        {"do": "staleness", "stale": "off", "seconds": "x"},
        {"do": "new-salt", "of": "x"},
        {"do": "telling"},
    ):
        anne.sees(PRODUCTION + "/flags/payments")
        assert anne.sends(PRODUCTION + "/edit", {"flag": "payments", **wrong}).status_code == 422


def test_a_flag_is_compared_and_copied_and_stays_off_with_its_own_salt(anne: Person, api: Api) -> None:
    api.made("POST", "projects/default/flags", {"key": "copied"})
    change(api, {"do": "setWeights", "flag": "copied", "weights": {"on": 50000, "off": 50000}})
    change(api, {"do": "turnOn", "flag": "copied"}, {"do": "newSalt", "flag": "copied", "fallthrough": True})
    page = anne.sees(PRODUCTION + "/compare?flag=copied&with=staging")
    assert "<code>/on</code>" in page
    assert "Their salts are not the same" in page
    review = anne.sends("/projects/default/environments/staging/copy", {"flag": "copied", "from": "production"})
    assert review.status_code == 200, review.text
    before = api.made("GET", "projects/default/environments/staging/flags/copied")
    done = anne.sends("/projects/default/environments/staging/review", {**anne.hidden(), "apply": "1"})
    assert "Changed, in revision" in done.text
    after = api.made("GET", "projects/default/environments/staging/flags/copied")
    assert [each["weight"] for each in after["fallthrough"]["split"]["weights"]] == [50000, 50000]
    assert not after.get("on")
    assert after["salt"] == before["salt"]
    assert "salt" not in after["fallthrough"]["split"]
    whole = {"flag": "copied", "from": "production", "with-state": "on", "with-salts": "on"}
    anne.sends("/projects/default/environments/staging/copy", whole)
    anne.sends("/projects/default/environments/staging/review", {**anne.hidden(), "apply": "1"})
    assert "Both do the same with it" in anne.sees(PRODUCTION + "/compare?flag=copied&with=staging")
    missing = anne.sends(
        "/projects/default/environments/staging/copy", {**whole, "from": "nowhere", "csrf": ""}, csrf=False
    )
    assert missing.status_code in {403, 404}


def test_an_environment_of_files_says_which_one_to_edit_and_can_be_turned_off(anne: Person, api: Api) -> None:
    api.made("POST", "projects/default/environments", {"key": "filed", "files": {"source": "git@host:team/flags"}})
    page = anne.sees("/projects/default/environments/filed/flags/search")
    assert "change <code>flags/search.yaml</code> in git@host:team/flags" in page
    assert "Add a rule" not in page
    assert "Definitions belong to files" in anne.sees("/projects/default/definitions/search")


def test_places_in_the_code_and_reasons_to_go_are_told(anne: Person, api: Api) -> None:
    found = [{"flag": "old", "file": "shop/cart.py", "line": 12, "owner": "till"}]
    report = {"revision": "abc", "scannedAt": "2026-01-01T00:00:00Z", "references": found}
    api.made("PUT", "projects/default/code-references/shop", report)
    for path in ("/projects/default/definitions/old", PRODUCTION + "/flags/old"):
        page = anne.sees(path)
        assert "shop/cart.py:12" in page
        assert "Past its removal date" in page
        assert "pennon remove-flag old" in page
    assert "No code names it, in shop" in anne.sees("/projects/default/definitions/search")
