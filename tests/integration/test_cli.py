"""The command line as people and scripts use it, against a real server."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pennon.model import Snapshot
from tests.processes import processes
from tests.serving import Api, serving

NO, WRONG_USE, UNREACHABLE = 1, 2, 3
ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """Runs `pennon`, each time a process of its own, logged in by environment variables."""

    def __init__(self, api: Api, home: Path) -> None:
        self.home = home
        self.environ: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PENNON_")},
            "XDG_CONFIG_HOME": str(home),
            "PENNON_URL": api.url,
            "PENNON_TOKEN": api.token or "",
            "PENNON_ENVIRONMENT": "production",
            "COLUMNS": "120",
        }

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return processes().run(arguments, stdin=stdin, environ={**self.environ, **environ})

    def done(self, *arguments: str, stdin: str = "") -> str:
        ended = self.run(*arguments, stdin=stdin)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def json(self, *arguments: str, stdin: str = "") -> Any:
        return json.loads(self.done(*arguments, "--json", stdin=stdin))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        yield api


@pytest.fixture
def shell(api: Api, tmp_path: Path) -> Shell:
    return Shell(api, tmp_path)


def test_flag_goes_from_made_to_evaluated(shell: Shell) -> None:
    assert "off in every environment" in shell.done("flag", "create", "journey", "--tag", "shop")
    assert shell.json("eval", "journey", "targetingKey=u1")["reason"] == "OFF"
    assert "journey is on in default/production" in shell.done("flag", "on", "journey", "--why", "launch")
    shell.done("flag", "serve", "journey", "off")
    shell.done("flag", "target", "journey", "on", "ada", "grace")
    assert shell.done("eval", "journey", "targetingKey=ada").strip() == "true"
    assert shell.json("eval", "journey", "targetingKey=u1")["value"] is False
    shown = shell.done("flag", "show", "journey")
    assert "ada, grace" in shown
    shell.done("flag", "untarget", "journey", "ada")
    assert shell.json("eval", "journey", "targetingKey=ada")["reason"] == "FALLTHROUGH"
    rows = shell.json("flag", "list", "--tag", "shop")
    assert [row["key"] for row in rows] == ["journey"]
    assert rows[0]["state"]["on"] is True


def test_percentage_that_grows_keeps_those_who_had_it(shell: Shell, api: Api) -> None:
    shell.done("flag", "create", "growing")
    shell.done("flag", "on", "growing")

    def enrolled() -> set[str]:
        path = "projects/default/environments/production/explain"
        asked: list[Any] = [{"flag": "growing", "context": {"targetingKey": f"user-{number}"}} for number in range(40)]
        return {one["context"]["targetingKey"] for one in asked if api.made("POST", path, one)["evaluation"]["value"]}

    shell.done("flag", "serve", "growing", "on=30", "off=")
    before = enrolled()
    shell.done("flag", "serve", "growing", "on=70", "off=30")
    assert before < enrolled()


def test_change_is_listed_shown_and_taken_back(shell: Shell) -> None:
    shell.done("flag", "create", "history")
    made = shell.json("flag", "on", "history", "--why", "for the launch")
    newest = shell.json("change", "list", "--flag", "history", "--limit", "1")[0]
    assert (newest["revision"], newest["why"]) == (made["revision"], "for the launch")
    assert "turned on" in shell.done("change", "show", str(made["revision"]))
    assert "turned on" in shell.done("change", "diff", str(made["revision"] - 1), str(made["revision"]))
    shell.done("change", "revert", str(made["revision"]))
    assert shell.json("eval", "history")["reason"] == "OFF"


def test_several_edits_are_one_change_or_none(shell: Shell) -> None:
    shell.done("flag", "create", "together")
    edits = [{"do": "turnOn", "flag": "together"}, {"do": "turnOn", "flag": "missing"}]
    refused = shell.run("change", "apply", "-", stdin=json.dumps(edits))
    assert refused.returncode == NO
    assert "/edits/1/flag" in refused.stderr
    assert shell.json("eval", "together")["reason"] == "OFF"
    assert shell.json("change", "apply", "-", stdin=json.dumps(edits[:1]))["changed"] is True
    assert shell.json("change", "apply", "-", stdin=json.dumps(edits[:1]))["changed"] is False


def test_segment_is_made_from_yaml_and_changed(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "beta.yaml"
    file.write_text("included: [ada]\nrules:\n  - conditions: [{attribute: plan, op: equals, values: [premium]}]\n")
    shell.done("segment", "put", "beta", str(file))
    shell.done("segment", "add", "beta", "grace")
    shell.done("segment", "remove", "beta", "ada")
    assert shell.json("segment", "show", "beta")["included"] == ["grace"]
    assert 'plan equals "premium"' in shell.done("segment", "show", "beta")
    assert [row["key"] for row in shell.json("segment", "list")] == ["beta"]
    shell.done("segment", "delete", "beta")
    assert shell.json("segment", "list") == []


def test_layer_is_made_dealt_out_and_deleted(shell: Shell) -> None:
    assert "Deal it out: pennon layer deal checkout" in shell.done("layer", "create", "checkout", "--by", "account")
    assert shell.run("layer", "create", "checkout").returncode == NO
    shell.done("layer", "deal", "checkout", "new-form=0-30000", "fast=60000-61000", "new-form=50000-60000")
    shown = shell.json("layer", "show", "checkout")
    assert shown["by"] == "account"
    assert shown["slots"][1] == {"from": 60000, "to": 61000, "experiment": "fast"}
    assert "59 %" in shell.done("layer", "show", "checkout")
    assert "fast, new-form" in shell.done("layer", "list")
    file = '{"by": "account", "slots": [{"from": 0, "to": 100000, "experiment": "all"}]}'
    assert "100 % all" in shell.done("layer", "put", "checkout", "-", "--preview", stdin=file)
    shell.done("layer", "put", "checkout", "-", stdin=file)
    replaced = shell.json("layer", "show", "checkout")
    assert (replaced["salt"], replaced["slots"][0]["experiment"]) == (shown["salt"], "all")
    refused = shell.run("layer", "deal", "checkout", "one=0-200000")
    assert (refused.returncode, "/edits/0/slots/0" in refused.stderr) == (NO, True)
    shell.done("layer", "delete", "checkout")
    assert shell.json("layer", "list") == []


NEVER = {"attribute": "age", "op": "lessThan", "values": [5]}
UNMEANT = {"id": "r1", "conditions": [NEVER, {**NEVER, "negate": True}], "serve": {"variation": "on"}}
FLAG = {"on": True, "offVariation": "off", "fallthrough": {"variation": "off"}}


def test_lint_names_what_can_never_happen_and_changes_say_so_at_once(shell: Shell) -> None:
    shell.done("flag", "create", "linted")
    configuration = json.dumps({**FLAG, "rules": [UNMEANT]})
    set_ = shell.run("flag", "set", "linted", "-", stdin=configuration)
    assert set_.returncode == 0
    assert "warning: /flags/linted/rules/0/conditions/1: cannot hold together, for any context: age is" in set_.stderr
    linted = shell.run("flag", "lint", "linted")
    assert linted.returncode == NO
    assert "warning flag linted /rules/0/conditions/1  conditions-contradict" in linted.stdout
    (finding,) = json.loads(shell.run("flag", "lint", "linted", "--json").stdout)
    assert (finding["code"], finding["severity"]) == ("conditions-contradict", "warning")
    assert (finding["kind"], finding["key"], finding["path"]) == ("flag", "linted", "/rules/0/conditions/1")
    shell.done("flag", "set", "linted", "-", stdin=json.dumps(FLAG))
    assert "nothing was found" in shell.done("flag", "lint", "linted")
    gone = shell.run("flag", "lint", "gone")
    assert (gone.returncode, gone.stderr.splitlines()[0]) == (NO, "Error: there is no flag 'gone'")


def test_lint_reads_a_file_whole_and_counts_notices_when_told_to(shell: Shell, tmp_path: Path) -> None:
    variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
    flag = {**FLAG, "key": "f", "variations": variations, "rules": [{**UNMEANT, "conditions": []}]}
    file = tmp_path / "flags.json"
    file.write_text(json.dumps({"flags": {"f": flag}, "segments": {"s": {"key": "s"}}}))
    elsewhere = {"PENNON_URL": "http://127.0.0.1:9"}
    lint = ("flag", "lint", "--file", str(file))
    calm = shell.run(*lint, **elsewhere)
    assert calm.returncode == 0
    assert "2 notices" in calm.stderr
    strict = shell.run(*lint, "--strict", "--json", **elsewhere)
    assert strict.returncode == NO
    assert [each["code"] for each in json.loads(strict.stdout)] == ["fallthrough-unreachable", "segment-empty"]
    file.write_text("{")
    broken = shell.run(*lint, **elsewhere)
    assert broken.returncode == WRONG_USE
    assert "cannot be read" in broken.stderr


def test_key_is_made_rotated_and_revoked(shell: Shell) -> None:
    made = shell.json("key", "create", "server", "--name", "checkout")
    assert made["secret"].startswith("pennon_server_")
    short = made["key"]["key"][:12]
    assert shell.json("key", "rotate", short)["secret"] != made["secret"]
    shell.done("key", "revoke", short)
    states = {row["key"][:12]: row["revoked"] for row in shell.json("key", "list")}
    assert states[short] is True
    assert made["secret"] not in shell.done("key", "list")


def test_a_new_key_comes_with_the_lines_that_use_it_and_a_pipe_gets_the_secret_only(shell: Shell) -> None:
    made = shell.run("key", "create", "client", "--name", "page")
    secret = next(word for word in made.stdout.split() if word.startswith("pennon_client_"))
    assert "<script" not in made.stdout
    assert 'integrity="sha384-' in made.stderr
    assert f'{{ key: "{secret}" }}' in made.stderr
    assert shell.run("key", "create", "server", "--json").stderr == ""


def test_client_key_that_wants_targeting_keys_signed_comes_with_a_secret_for_that(shell: Shell) -> None:
    said = shell.done("key", "create", "client", "--name", "signed", "--require-signature")
    [secret] = [word for word in said.split() if word.startswith("pennon_signing_")]
    listed = shell.done("key", "list")
    assert "signed targeting keys" in listed
    assert secret not in listed + shell.done("change", "list")
    assert "/requireSignature" in shell.run("key", "create", "server", "--require-signature").stderr


def test_signing_key_is_made_rotated_and_retired(shell: Shell) -> None:
    assert "Nothing is signed" in shell.done("key", "signing", "list")
    first = shell.done("key", "signing", "create", "--name", "first").partition("PENNON_TRUSTED_KEYS=")[2].strip()
    assert first.startswith("ed25519:")
    second = shell.json("key", "signing", "rotate")["key"]
    listed = shell.done("key", "signing", "list")
    assert "signs" in listed
    assert "replaced by" in listed
    refused = shell.run("key", "signing", "retire", second)
    assert (refused.returncode, "confirm with" in refused.stderr) == (1, True)
    shell.done("key", "signing", "retire", first)
    shell.done("key", "signing", "retire", second, "--confirm", second)
    states = {key["key"]: key["retired"] for key in shell.json("key", "signing", "list")}
    assert states == {first: True, second: True}


def test_project_and_environment_are_made(shell: Shell) -> None:
    shell.done("project", "create", "games", "--env", "live")
    assert "games" in [row["key"] for row in shell.json("project", "list")]
    shell.done("environment", "create", "beta", "-p", "games")
    assert [row["key"] for row in shell.json("environment", "list", "-p", "games")] == ["beta", "live"]


def test_export_is_a_snapshot_that_sdks_read(shell: Shell, tmp_path: Path) -> None:
    shell.done("flag", "create", "exported")
    file = tmp_path / "state.json"
    shell.done("export", str(file))
    assert "exported" in Snapshot.from_json(file.read_bytes()).flags
    assert json.loads(shell.done("export", "--revision", "0"))["flags"] == {}


def test_login_is_remembered_and_read_by_nobody_else(shell: Shell, api: Api) -> None:
    bare = {"PENNON_URL": "", "PENNON_TOKEN": "", "PENNON_ENVIRONMENT": ""}
    logged_in = shell.run("login", api.url, "--env", "production", stdin=f"{api.token}\n", **bare)
    assert logged_in.returncode == 0, logged_in.stderr
    file = shell.home / "pennon" / "login.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell.run("flag", "list", **bare).returncode == 0
    assert api.token is not None
    assert api.token not in logged_in.stdout + logged_in.stderr


def test_wrong_token_says_how_to_log_in(shell: Shell) -> None:
    refused = shell.run("flag", "list", PENNON_TOKEN="pennon_token_wrong")
    assert refused.returncode == NO
    assert "pennon login" in refused.stderr


def test_server_that_is_not_there_is_another_exit_status(shell: Shell) -> None:
    ended = shell.run("flag", "list", PENNON_URL="http://127.0.0.1:9")
    assert ended.returncode == UNREACHABLE
    assert "could not be reached" in ended.stderr
    assert shell.run("doctor", PENNON_URL="http://127.0.0.1:9").returncode == UNREACHABLE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flag", "serve", "x", "on=10", "off=20"), "sum to 30 %"),
        (("flag", "serve", "x", "on=ten", "off="), "is no number"),
        (("flag", "serve", "x", "on=0.0001", "off="), "steps of 0.001"),
        (("eval", "x", "country"), "KEY=VALUE"),
        (("eval", "x", "--context", "[1]"), "no JSON object"),
        (("segment", "put", "x", "gone.yaml"), "cannot be read"),
        (("layer", "deal", "x", "half"), "EXPERIMENT=FROM-TO"),
        (("change", "apply", "-"), "no list of edits"),
        (("doctor", "--data", "."), "--log"),
    ],
)
def test_wrong_use_says_what_to_write(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    ended = shell.run(*arguments, stdin="{}")
    assert ended.returncode == WRONG_USE, (ended.stdout, ended.stderr)
    assert said in ended.stderr


def test_environment_that_nobody_named_is_asked_for(shell: Shell) -> None:
    ended = shell.run("flag", "on", "x", PENNON_ENVIRONMENT="")
    assert ended.returncode == WRONG_USE
    assert "--env" in ended.stderr


def test_flag_that_is_not_there_is_a_no(shell: Shell) -> None:
    assert shell.run("eval", "nowhere").returncode == NO
    assert "FLAG_NOT_FOUND" in shell.run("explain", "nowhere").stdout


def test_doctor_finds_a_server_well_and_a_log_that_was_tampered_with(shell: Shell, tmp_path: Path) -> None:
    assert all(finding["well"] for finding in shell.json("doctor"))
    with serving(tmp_path / "other") as (_, other):
        other.made("POST", "projects/default/flags", {"key": "a"})
    sound = shell.json("doctor", "--log", "--data", str(tmp_path / "other"))
    assert {finding["what"] for finding in sound} >= {"installation", "projects/default"}
    assert all(finding["well"] for finding in sound)

    import sqlite3  # noqa: PLC0415  # the one test that goes behind the server's back

    database = sqlite3.connect(tmp_path / "other" / "pennon.db")
    with database:
        database.execute("UPDATE items SET version = version + 1 WHERE key = 'a'")
    database.close()
    ended = shell.run("doctor", "--log", "--data", str(tmp_path / "other"))
    assert ended.returncode == NO
    assert "projects/default" in ended.stdout


def test_output_to_a_pipe_has_no_colours(shell: Shell) -> None:
    assert "\x1b" not in shell.done("flag", "list")


def test_every_command_teaches_itself(shell: Shell) -> None:
    from scripts.command_line import commands  # noqa: PLC0415  # imports every command

    for command in commands():
        assert command.help, f"pennon {command.name} has no help"
        for option in command.parameters:
            assert option.help, f"pennon {command.name} does not explain {option.name}"


def test_demo_shows_changes_arriving_in_every_service(shell: Shell) -> None:
    ended = shell.run("demo", "--port", "0", "--every", "0.5", "--duration", "3")
    assert ended.returncode == 0, ended.stderr
    assert "account: anne" in ended.stdout
    assert "curl -s http://127.0.0.1:" in ended.stdout
    assert ended.stdout.count("in all services after") >= 3
    assert ended.stderr == ""


def test_a_role_is_made_held_by_a_token_and_taken_back(shell: Shell, api: Api) -> None:
    assert "flag.turnOff" in shell.done("role", "permissions")
    shell.done("role", "create", "night", "--permit", "read", "--permit", "flag.turnOff", "--description", "On call.")
    assert "night" in shell.done("role", "list")
    made = shell.json("token", "create", "pager", "--role", "night", "--project", "default", "--env", "production")
    assert "default/production" in shell.done("token", "list")
    denied = shell.run("flag", "create", "mine", PENNON_TOKEN=made["secret"])
    assert denied.returncode == NO
    assert "your roles are held elsewhere: night in default/production" in " ".join(denied.stderr.split())
    assert "in production nothing" in shell.done(
        "role", "replace", "night", "--permit", "read", "--nothing-in-production"
    )
    assert shell.run("role", "delete", "night").returncode == NO
    shell.done("token", "revoke", made["token"]["key"][:12], "--why", "the night is over")
    shell.done("role", "delete", "night")
    assert [one["key"] for one in shell.json("role", "list")] == [
        "reader",
        "developer",
        "releaseManager",
        "administrator",
    ]


def test_a_change_is_proposed_approved_by_another_and_made(shell: Shell, tmp_path: Path) -> None:
    shell.done("flag", "create", "asked")
    shell.done("environment", "protect", "development", "--approvals", "1", "--ticket", "OPS-[0-9]+")
    refused = shell.run("flag", "on", "asked", "--env", "development", "--why", "OPS-1")
    assert refused.returncode == NO
    assert "make a change request" in refused.stderr
    edits = tmp_path / "edits.json"
    edits.write_text('[{"do": "turnOn", "flag": "asked"}]')
    where = ("--env", "development", "--edits", str(edits))
    made = shell.json("request", "create", "Launch", *where, "--why", "OPS-1")
    assert "Launch" in shell.done("request", "list")
    assert "flag asked: turned on" in shell.done("request", "show", made["key"])
    own = shell.run("request", "approve", made["key"])
    assert (own.returncode, "ask somebody else" in own.stderr) == (NO, True)
    other = shell.json("token", "create", "Ben", "--role", "releaseManager")["secret"]
    approved = shell.run("request", "approve", made["key"], "--comment", "fine", PENNON_TOKEN=other)
    assert "it has 1 approvals" in approved.stdout + approved.stderr
    shell.done("request", "apply", made["key"])
    assert shell.json("eval", "asked", "targetingKey=u1", "--env", "development")["value"] is True
    assert "No open requests" in shell.done("request", "list")
    shell.done("environment", "protect", "development")
    shell.done("flag", "serve", "asked", "off", "--env", "development")


def test_a_person_is_given_an_account_a_password_and_roles(shell: Shell, api: Api) -> None:
    shell.done("account", "create", "grace", "--name", "Grace", "--grant", "developer@default")
    short = shell.run("account", "password", "grace", stdin="short\n")
    assert (short.returncode, "12 to 1024 characters" in short.stderr) == (NO, True)
    shell.done("account", "password", "grace", stdin="correct horse battery\n")
    with api.as_holder_of(None) as browser:
        signed_in = browser.made("POST", "session", {"account": "grace", "password": "correct horse battery"})
        assert signed_in["grants"] == [{"role": "developer", "project": "default", "environments": []}]
        assert "releaseManager@default/production" in shell.done(
            "account", "grant", "grace", "reader", "releaseManager@default/production"
        )
        shell.done("account", "disable", "grace", "--why", "left")
        assert browser.send("GET", "session").status_code == 401
    assert "disabled" in shell.done("account", "list")
    shell.done("account", "delete", "grace")
    assert "No accounts" in shell.done("account", "list")


def test_who_is_signed_in_is_shown_and_signed_out(shell: Shell, api: Api) -> None:
    shell.done("account", "create", "hana", "--emergency")
    shell.done("account", "password", "hana", stdin="correct horse battery\n")
    for way in ("one", "account", "everybody"):
        with api.as_holder_of(None) as browser:
            browser.made("POST", "session", {"account": "hana", "password": "correct horse battery"})
            (session,) = shell.json("session", "list", "--account", "hana")
            assert (session["account"], session["how"]) == ("hana", "password")
            assert session["key"] in shell.done("session", "list")
            arguments = {"one": [session["key"]], "account": ["--account", "hana"], "everybody": ["--everybody"]}[way]
            assert "signed out" in shell.done("session", "end", *arguments)
            assert browser.send("GET", "session").status_code == 401
    assert shell.run("session", "end").returncode == WRONG_USE
    assert shell.run("session", "end", "abc", "--everybody").returncode == WRONG_USE
    assert shell.run("session", "end", "abc").returncode == NO
    shown = shell.done("account", "list")
    assert "emergency" in shown
    assert "last used" in shown
    shell.done("account", "emergency", "hana", "--off")
    assert api.made("GET", "accounts/hana")["emergency"] is False
    shell.done("account", "emergency", "hana")
    assert api.made("GET", "accounts/hana")["emergency"] is True
    unlinked = shell.run("account", "link", "hana", "248289761001")
    assert (unlinked.returncode, "no identity provider" in unlinked.stderr) == (WRONG_USE, True)
    shell.done("account", "link", "hana", "--off")


def test_when_nobody_gets_in_any_more_the_database_makes_an_administrator(shell: Shell, tmp_path: Path) -> None:
    nowhere = shell.run("account", "rescue", "ida", "--data", str(tmp_path / "typo"), stdin="correct horse battery\n")
    assert (nowhere.returncode, "There is no database in" in nowhere.stderr) == (NO, True)
    assert not (tmp_path / "typo").exists()
    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "accounts", {"key": "ida", "disabled": True, "grants": [{"role": "reader"}]})
        rescue = ["account", "rescue", "ida", "--data", str(tmp_path / "data")]
        short = shell.run(*rescue, stdin="short\n")
        assert (short.returncode, "too short" in short.stderr) == (NO, True)
        assert "ida is an administrator" in shell.done(*rescue, stdin="correct horse battery\n")
        with api.as_holder_of(None) as browser:
            entered = browser.made("POST", "session", {"account": "ida", "password": "correct horse battery"})
            assert [grant["role"] for grant in entered["grants"]] == ["administrator", "reader"]
        assert api.made("GET", "accounts/ida")["emergency"] is True


def test_a_flag_command_can_be_looked_at_before_it_is_made(shell: Shell, tmp_path: Path) -> None:
    shell.done("flag", "create", "looked-at")
    said = shell.done("flag", "on", "looked-at", "--preview")
    assert "flag looked-at: turned on" in said
    assert shell.json("flag", "serve", "looked-at", "on=10", "off=90", "--preview")["moves"] is None
    edits = tmp_path / "edits.json"
    edits.write_text('[{"do": "turnOn", "flag": "looked-at"}]')
    assert "flag looked-at: turned on" in shell.done("change", "preview", str(edits))
    assert shell.json("eval", "looked-at", "targetingKey=u1")["reason"] == "OFF"


def test_a_flags_values_go_over_to_another_schema(shell: Shell, tmp_path: Path) -> None:
    shell.done("flag", "create", "theme", "--kind", "object", "--variation", 'dark={"colour": "black"}')
    schema = tmp_path / "new.json"
    schema.write_text('{"type": "object", "required": ["colours"]}')
    said = shell.run("flag", "schema", "prepare", "theme", str(schema), "--read-by", "checkout-web=2.3")
    assert said.returncode == 0, said.stderr
    assert "variation 'dark': 'colours' is a required property" in said.stdout + said.stderr
    assert shell.run("flag", "schema", "show", "theme").returncode == NO
    assert shell.run("flag", "schema", "activate", "theme").returncode == NO
    value = 'dark={"colours": ["black"]}'
    shell.done("flag", "schema", "prepare", "theme", str(schema), "--value", value, "--read-by", "checkout-web=2.3")
    found = shell.json("flag", "schema", "show", "theme")
    assert found["prepared"]["readBy"] == {"checkout-web": "2.3"}
    assert "has no version" in shell.run("flag", "schema", "prepare", "theme", "none", "--read-by", "web").stderr
    shell.done("flag", "schema", "activate", "theme")
    assert shell.json("eval", "theme", "targetingKey=u1")["value"] == {"colours": ["black"]}
    shell.done("flag", "schema", "clean-up", "theme")
    assert shell.json("flag", "schema", "show", "theme")["previous"] is None
