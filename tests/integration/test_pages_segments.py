"""Pages of segments, as a browser without scripts gets them."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.serving import Api, serving
from tests.unscripted import hidden, people, signed_in

HERE = "/projects/default/environments/production"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("segments") / "data") as (_, api):
        people(api, anne="administrator", rita="reader")
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[httpx2.Client]:
    with signed_in(api, "anne") as http:
        yield http


def edited(anne: httpx2.Client, path: str, **fields: str) -> httpx2.Response:
    return anne.post(HERE + "/edit-segment", data={**hidden(anne.get(path).text), **fields})


def test_a_segment_is_made_filled_and_emptied_by_reviewed_changes(api: Api, anne: httpx2.Client) -> None:
    review = edited(anne, HERE + "/segments", do="create", segment="beta", keys="ada\n grace \nada\n")
    assert "segment beta created" in review.text
    made = anne.post(HERE + "/review", data={**hidden(review.text), "apply": "1"})
    assert made.url.path == HERE + "/segments/beta"
    review = edited(anne, made.url.path, do="add", keys="ada", list="excluded")
    anne.post(HERE + "/review", data={**hidden(review.text), "apply": "1"})
    segment = api.made("GET", "projects/default/environments/production/segments/beta")
    assert (segment["included"], segment["excluded"]) == (["grace"], ["ada"])
    page = anne.get(HERE + "/segments/beta?has=ada").text
    assert "<strong>excluded</strong>" in page
    review = edited(anne, HERE + "/segments/beta", do="remove", keys="ada\ngrace")
    anne.post(HERE + "/review", data={**hidden(review.text), "apply": "1"})
    segment = api.made("GET", "projects/default/environments/production/segments/beta")
    assert (segment.get("included", []), segment.get("excluded", [])) == ([], [])


def test_a_segment_says_who_uses_it(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", "projects/default/environments/production/segments", {"key": "staff", "included": ["<b>ada"]})
    api.made("POST", "projects/default/flags", {"key": "new-checkout"})
    rule = {"id": "r", "conditions": [{"op": "inSegment", "values": ["staff"]}], "serve": {"variation": "on"}}
    edits = [{"do": "addRule", "flag": "new-checkout", "rule": rule}]
    api.made("POST", "projects/default/environments/production/changes", {"edits": edits})
    page = anne.get(HERE + "/segments/staff").text
    assert 'href="/projects/default/environments/production/flags/new-checkout"' in page
    assert "&lt;b&gt;ada" in page


def test_what_is_wrong_is_told_beside_the_field_and_kept(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", "projects/default/environments/production/segments", {"key": "empty"})
    answer = edited(anne, HERE + "/segments/empty", do="add", keys=" \n ", list="excluded")
    assert answer.status_code == 422
    assert "nobody is named" in answer.text
    assert '<option value="excluded" selected>' in answer.text
    answer = edited(anne, HERE + "/segments", do="create", segment="a b", keys="ada")
    assert "is no key" in answer.text
    answer = edited(anne, HERE + "/segments", do="create", segment=" ", keys="ada")
    assert answer.status_code == 422
    assert ">ada</textarea>" in answer.text
    assert edited(anne, HERE + "/segments", do="dance").status_code in {404, 422}


def test_a_reader_is_offered_no_form(api: Api) -> None:
    with signed_in(api, "rita") as rita:
        assert "Make a segment" not in rita.get(HERE + "/segments").text
        assert "Put somebody in" not in rita.get(HERE + "/segments/empty").text
        assert rita.get("/projects/default/segments").url.path == HERE + "/segments"
