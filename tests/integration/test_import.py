"""`pennon import` as people use it: files as the four vendors write them, into a real server."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pennon.cli.root import app
from pennon.engine import compile_snapshot
from pennon.importers.peers import PINS
from pennon.importers.vendors import VENDORS
from pennon.model import Snapshot
from tests.serving import Api, serving

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "imports"
DIALECTS = {"launchdarkly": "python", "unleash": "python", "growthbook": "javascript", "flagd": "v2"}
NO, WRONG_USE, UNREACHABLE = 1, 2, 3


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        yield api


class Shell:
    """Runs `pennon` in this process, in a project of its own."""

    def __init__(self, api: Api, project: str, home: Path) -> None:
        self.api = api
        self.home = home
        self.place = f"projects/{project}/environments/production"
        self.project = project
        self.environ = {
            "XDG_CONFIG_HOME": str(home),
            "PENNON_URL": api.url,
            "PENNON_TOKEN": api.token or "",
            "PENNON_PROJECT": project,
            "PENNON_ENVIRONMENT": "production",
            "COLUMNS": "160",
        }
        api.made("POST", "projects", {"key": project})
        api.made("POST", f"projects/{project}/environments", {"key": "production"})

    def run(self, *arguments: str, stdin: bytes | None = None, **environ: str) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin, env={**self.environ, **environ})

    def load(self, vendor: str, *arguments: str, file: Path | None = None) -> Result:
        source = str(file or EXAMPLES / f"{vendor}.json")
        return self.run("import", vendor, source, "--dialect", DIALECTS[vendor], *arguments)

    def loaded(self, vendor: str, *arguments: str, file: Path | None = None) -> str:
        ended = self.load(vendor, *arguments, file=file)
        assert ended.exit_code == 0, ended.stderr + ended.stdout
        return str(ended.stdout)

    def edited(self, vendor: str, edit: Callable[[Any], object]) -> Path:
        document = json.loads((EXAMPLES / f"{vendor}.json").read_text())
        edit(document)
        file = self.home / f"{vendor}.json"
        file.write_text(json.dumps(document))
        return file

    def changes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.made("GET", f"{self.place}/changes")["items"]
        return found

    def state(self) -> Snapshot:
        return Snapshot.from_json(self.api.send("GET", f"{self.place}/state").content)


@pytest.fixture
def shell(api: Api, tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    return Shell(api, f"p{abs(hash(request.node.name))}", tmp_path)


@pytest.mark.parametrize("vendor", VENDORS)
def test_file_becomes_one_change_and_the_same_file_nothing(shell: Shell, vendor: str) -> None:
    said = shell.loaded(vendor)
    assert "new-checkout" in said
    assert "exact" in said
    assert "as one change (revision 1)" in said
    (change,) = shell.changes()
    assert change["actor"]["kind"] == "import"
    assert change["actor"]["name"].endswith(f"(import from {vendor})")
    assert change["why"] == f"imported from {VENDORS[vendor]} ({DIALECTS[vendor]})"
    snapshot = shell.state()
    assert {flag.compat.vendor for flag in snapshot.flags.values() if flag.compat} == {vendor}
    rules = compile_snapshot(snapshot)
    for key in snapshot.flags:
        assert rules.evaluate(key, {"targetingKey": "ada", "userId": "ada", "id": "ada"}).error_code is None
    assert "nothing is to be changed" in shell.loaded(vendor)
    assert len(shell.changes()) == 1


def _more_users(document: Any) -> None:
    document["flags"]["new-checkout"]["targets"][0]["values"].append("linus")
    document["segments"]["beta"]["included"] = ["ken"]
    del document["flags"]["button-colour"]


def test_second_import_shows_the_difference_and_sends_only_that(shell: Shell) -> None:
    shell.loaded("launchdarkly")
    shell.api.made("PUT", f"projects/{shell.project}/flags/new-checkout", _named(shell, "new-checkout", "Ours"))
    said = shell.loaded("launchdarkly", file=shell.edited("launchdarkly", _more_users))
    assert "flag new-checkout: " in said
    assert "linus" in said
    assert "segment beta: ken included" in said
    assert "segment beta: linus no longer included" in said
    (last, *_) = shell.changes()
    assert sorted(edit["key"] for edit in last["edits"]) == ["beta", "new-checkout"]
    assert shell.api.made("GET", f"projects/{shell.project}/flags/new-checkout")["name"] == "Ours"
    assert "button-colour" in shell.state().flags  # an import deletes nothing
    assert (
        "left as they are: 1 flag (button-colour)"
        in shell.load("launchdarkly", file=shell.edited("launchdarkly", _more_users)).output
    )


def _named(shell: Shell, key: str, name: str) -> dict[str, Any]:
    definition: dict[str, Any] = shell.api.made("GET", f"projects/{shell.project}/flags/{key}")
    return {**definition, "name": name}


def test_other_variations_are_a_change_of_the_definition_that_is_there(shell: Shell) -> None:
    shell.loaded("launchdarkly")
    shell.api.made("PUT", f"projects/{shell.project}/flags/button-colour", _named(shell, "button-colour", "Ours"))

    def bluer(document: Any) -> None:
        document["flags"]["button-colour"]["variations"][2] = "navy"

    shell.loaded("launchdarkly", file=shell.edited("launchdarkly", bluer))
    definition = shell.api.made("GET", f"projects/{shell.project}/flags/button-colour")
    assert [each["value"] for each in definition["variations"]] == ["red", "green", "navy"]
    assert definition["name"] == "Ours"


def test_what_a_person_changed_since_is_overwritten_only_by_force(shell: Shell) -> None:
    shell.loaded("launchdarkly")
    assert shell.run("flag", "off", "payments-v2").exit_code == 0
    refused = shell.load("launchdarkly")
    assert refused.exit_code == NO
    assert "payments-v2: turned on" in refused.stdout
    assert "flag payments-v2" in refused.stdout.partition("not as the last import left it")[2]
    assert "--force" in refused.stderr
    assert shell.state().flags["payments-v2"].on is False
    shell.loaded("launchdarkly", "--force")
    assert shell.state().flags["payments-v2"].on is True
    shell.loaded("launchdarkly")


def test_flag_of_that_key_that_was_made_here_is_overwritten_only_by_force(shell: Shell) -> None:
    shell.api.made("POST", f"projects/{shell.project}/flags", {"key": "new-checkout"})
    assert shell.run("flag", "on", "new-checkout").exit_code == 0
    refused = shell.load("flagd")
    assert (refused.exit_code, "would be overwritten unseen" in refused.stderr) == (NO, True)
    assert "button-colour" not in shell.state().flags  # all or nothing
    shell.loaded("flagd", "--force")


def test_import_into_a_second_environment_of_the_project_needs_no_force(shell: Shell) -> None:
    shell.loaded("launchdarkly")
    shell.api.made("POST", f"projects/{shell.project}/environments", {"key": "staging"})
    shell.loaded("launchdarkly", "--env", "staging")


def test_what_another_environment_serves_is_overwritten_only_by_force(shell: Shell) -> None:
    shell.api.made("POST", f"projects/{shell.project}/environments", {"key": "staging"})
    shell.loaded("flagd")

    def louder(document: Any) -> None:
        document["flags"]["button-colour"]["variants"]["red"] = "#F00"

    file = shell.edited("flagd", louder)
    refused = shell.load("flagd", "--env", "staging", file=file)
    assert refused.exit_code == NO
    assert "variation red is #F00 (was #f00)" in refused.stdout
    assert "other environments of the project serve them" in refused.stderr + refused.stdout
    assert "--force" in refused.stderr
    assert len(shell.changes()) == 1
    assert shell.state().flags["button-colour"].variations[0].value == "#f00"
    shell.loaded("flagd", "--env", "staging", "--force", file=file)
    assert shell.state().flags["button-colour"].variations[0].value == "#F00"
    shell.loaded("flagd", file=file)


def test_dry_run_tells_all_and_changes_nothing(shell: Shell) -> None:
    said = shell.loaded("unleash", "--dry-run")
    assert "new-checkout" in said
    assert shell.changes() == []
    told = json.loads(shell.loaded("unleash", "--dry-run", "--json"))
    assert told["counts"]["cannot be carried"] == 0
    assert {item["action"] for item in told["items"]} == {"create"}
    assert (told["dryRun"], told["made"]) == (True, None)


def test_dry_run_needs_no_server(shell: Shell) -> None:
    ended = shell.run(
        *("import", "flagd", str(EXAMPLES / "flagd.json"), "--dialect", "v3", "--dry-run"),
        PENNON_ENVIRONMENT="",
        PENNON_URL="http://127.0.0.1:1",
    )
    assert ended.exit_code == 0
    assert "No environment is named" in ended.stderr


def test_what_was_made_is_told_as_json(shell: Shell) -> None:
    told = json.loads(shell.loaded("growthbook", "--json"))
    assert told["made"]["revision"] == 1
    assert told["environment"] == f"{shell.project}/production"
    again = json.loads(shell.loaded("growthbook", "--json"))
    assert again["made"] is None
    assert {item["action"] for item in again["items"]} == {"keep"}


def _random(document: Any) -> None:
    for strategy in document["features"][0]["strategies"]:
        strategy["parameters"]["stickiness"] = "random"
    document["features"][1]["dependencies"] = [{"feature": "new-checkout"}]


def test_flag_that_cannot_be_carried_refuses_the_file_unless_it_may_be_skipped(shell: Shell) -> None:
    file = shell.edited("unleash", _random)
    refused = shell.load("unleash", file=file)
    assert refused.exit_code == NO
    assert "cannot be carried" in refused.stdout
    assert "--skip-impossible" in refused.stderr
    assert shell.changes() == []
    assert shell.load("unleash", "--dry-run", file=file).exit_code == NO
    said = shell.loaded("unleash", "--skip-impossible", file=file)
    assert "leave out" in said
    assert set(shell.state().flags) == {"old-banner"}
    told = json.loads(shell.loaded("unleash", "--skip-impossible", "--json", file=file))
    left_out = {item["key"]: item["why"] for item in told["items"] if item["action"] == "leave out"}
    assert left_out.keys() == {"new-checkout", "button-colour", "button-colour.variant"}
    assert all(left_out.values())


def test_strict_refuses_unless_all_are_exact(shell: Shell) -> None:
    refused = shell.load("unleash", "--strict")  # its variants draw lots without a user id
    assert (refused.exit_code, "--strict: not exact" in refused.stderr) == (NO, True)
    assert "exact with conditions" in refused.stdout
    assert shell.changes() == []
    shell.loaded("flagd", "--strict")


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_a_dialect_all_are_listed_with_their_sdks(shell: Shell, vendor: str) -> None:
    for arguments in ((), ("--dialect", "cobol")):
        ended = shell.run("import", vendor, str(EXAMPLES / f"{vendor}.json"), *arguments)
        assert ended.exit_code == WRONG_USE
        for of, dialect in PINS:
            if of == vendor:
                assert f"--dialect {dialect} " in ended.stderr


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("other", VENDORS)
def test_file_of_another_vendor_is_recognised(shell: Shell, vendor: str, other: str) -> None:
    if vendor == other:
        return
    ended = shell.load(vendor, file=EXAMPLES / f"{other}.json")
    assert ended.exit_code == NO
    assert f"{other}.json cannot be imported as a file of {VENDORS[vendor]}; nothing was." in ended.stderr
    assert f"pennon import {other}" in ended.stderr
    assert shell.changes() == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_truncated_file_is_refused(shell: Shell, vendor: str) -> None:
    file = shell.home / "truncated.json"
    file.write_bytes((EXAMPLES / f"{vendor}.json").read_bytes()[:300])
    ended = shell.load(vendor, file=file)
    assert ended.exit_code == NO
    assert "truncated.json" in ended.stderr
    assert shell.changes() == []


def test_unknown_operator_names_vendor_file_flag_and_field(shell: Shell) -> None:
    def odd(document: Any) -> None:
        document["flags"]["new-checkout"]["rules"][0]["clauses"][0]["op"] = "resembles"

    ended = shell.load("launchdarkly", file=shell.edited("launchdarkly", odd))
    assert ended.exit_code == NO
    for part in ("LaunchDarkly", "launchdarkly.json", "/flags/new-checkout/rules/0/clauses/0", "resembles"):
        assert part in ended.stderr
    assert shell.changes() == []


def test_export_of_pennons_own_is_recognised(shell: Shell) -> None:
    shell.loaded("flagd")
    file = shell.home / "state.json"
    file.write_bytes(shell.state().to_json())
    ended = shell.load("launchdarkly", file=file)
    assert ended.exit_code == NO
    assert "an export of Pennon's own" in ended.stderr


def test_file_comes_from_standard_input_too(shell: Shell) -> None:
    data = (EXAMPLES / "flagd.json").read_bytes()
    ended = shell.run("import", "flagd", "-", "--dialect", "v2", stdin=data)
    assert ended.exit_code == 0, ended.stderr
    assert set(shell.state().flags) == {"button-colour", "new-checkout", "old-banner"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("launchdarkly", "no-such-file", "--dialect", "python"), "no-such-file cannot be read"),
        (("unleash", "FILE", "--dialect", "node", "--option", "sticky"), "'sticky' is no option"),
        (("growthbook", "FILE", "--dialect", "python", "--option", "sticky=gone"), "gone cannot be read"),
        (("verify", "statsig", "FILE"), "there is no importer for 'statsig'"),
        (("verify", "flagd", "FILE", "--dialect", "v2", "--flag", "gone"), "the file has no flag 'gone'"),
    ],
    ids=["file", "option", "option-file", "vendor", "flag"],
)
def test_wrong_use_is_told(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    file = str(EXAMPLES / f"{arguments[0] if arguments[0] != 'verify' else 'flagd'}.json")
    ended = shell.run("import", *(file if each == "FILE" else each for each in arguments))
    assert ended.exit_code == WRONG_USE
    assert says in ended.stderr


def test_file_beyond_all_measure_is_not_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pennon.cli.imports.files.MAX_BYTES", 1 << 10)
    ended = shell.load("launchdarkly")
    assert (ended.exit_code, "is larger than" in ended.stderr) == (WRONG_USE, True)


def test_problems_that_the_server_finds_name_the_flag(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def edits(*_: object) -> list[dict[str, Any]]:
        return [{"do": "setConfiguration", "flag": "gone", "configuration": {"fallthrough": {"variation": "on"}}}]

    monkeypatch.setattr("pennon.importers.proposal.edits", edits)
    ended = shell.load("flagd")
    assert ended.exit_code == NO
    assert "flagd, " in ended.stderr
    assert "flagd.json, flag gone: /flag" in ended.stderr


def _verified(shell: Shell, vendor: str, *arguments: str) -> Result:
    file = str(EXAMPLES / f"{vendor}.json")
    ended = shell.run("import", "verify", vendor, file, "--dialect", DIALECTS[vendor], *arguments)
    if ended.exit_code == UNREACHABLE and not os.environ.get("CI"):
        pytest.skip(f"the SDK cannot be had here: {ended.stderr}")
    return ended


@pytest.mark.parametrize("vendor", VENDORS)
def test_import_is_proved_beside_the_vendors_own_sdk(shell: Shell, vendor: str) -> None:
    ended = _verified(shell, vendor, "--contexts", "1000", "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["differences"] == 0
    assert told["evaluations"] == 1000 * len(told["flags"]) > 2000
    assert told["sdk"]


def test_what_a_server_has_is_compared_and_a_difference_shown_small(shell: Shell) -> None:
    shell.loaded("flagd")
    assert _verified(shell, "flagd", "--contexts", "300", "--served").exit_code == 0
    shell.run("flag", "serve", "new-checkout", "on")
    ended = _verified(shell, "flagd", "--contexts", "300", "--served", "--flag", "new-checkout")
    assert ended.exit_code == NO
    assert "new-checkout, the value, for the context {}" in ended.stdout
    assert "differ, in 1 flag." in ended.stdout.replace("\n", " ")
    assert "somebody may have changed them in Pennon since" in ended.stderr.replace("\n", " ")


def test_a_salt_that_was_changed_shows_up_and_a_log_says_how_far_it_is(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.loaded("launchdarkly")
    edits = tmp_path / "edits.json"
    edits.write_text('[{"do": "newSalt", "flag": "new-checkout"}]')
    shell.run("change", "apply", str(edits))
    monkeypatch.setattr("pennon.cli.imports.verifying._SAID_EACH_S", 0.0)
    ended = _verified(shell, "launchdarkly", "--contexts", "400", "--served", "--flag", "new-checkout")
    assert ended.exit_code == NO
    assert "400 of 400 evaluations are compared" in ended.stderr
    assert "beside launchdarkly-server-sdk" in ended.stdout
