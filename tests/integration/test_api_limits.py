"""The limits that an installation is set to, over real HTTP."""

from pathlib import Path

from tests.serving import serving


def test_a_flag_beyond_the_set_limits_is_refused_with_its_path(tmp_path: Path) -> None:
    with serving(tmp_path / "data", max_rules=1, max_value_bytes=20) as (_, api):
        long = {"key": "text", "kind": "string", "variations": [{"key": "a", "value": "x" * 30}]}
        refused = api.send("POST", "projects/default/flags", long)
        assert refused.status_code == 422
        assert [problem["path"] for problem in refused.json()["problems"]] == ["/variations/0/value"]
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        rules = [{"id": f"r{number}", "conditions": [], "serve": {"variation": "on"}} for number in range(2)]
        configuration = {"fallthrough": {"variation": "on"}, "rules": rules}
        path = "projects/default/environments/production/flags/checkout"
        refused = api.send("PUT", path, configuration)
        assert [problem["path"] for problem in refused.json()["problems"]] == ["/rules"]
        edits = [{"do": "addRule", "flag": "checkout", "rule": rule} for rule in rules]
        refused = api.send("POST", "projects/default/environments/production/changes", {"edits": edits})
        assert refused.json()["problems"][0]["path"] == "/edits/1"
        assert api.made("GET", path)["rules"] == []
