from pathlib import Path

import pytest

from pennon.cli.settings import BadSettings, described, load_settings
from pennon.edge.config import Settings, name_in


def test_upstreams_are_given_with_options_a_variable_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('upstream = ["https://c", "https://d"]\n')
    variable = {"PENNON_EDGE_UPSTREAM": "https://b, https://c"}
    assert load_settings(Settings, {"upstream": ["https://a"]}, variable, file=file).upstreams == ("https://a",)
    assert load_settings(Settings, {"upstream": []}, variable, file=file).upstreams == ("https://b", "https://c")
    assert load_settings(Settings, {}, {}, file=file).upstreams == ("https://c", "https://d")


def test_an_upstream_is_followed_once_and_without_a_slash_at_its_end() -> None:
    assert Settings(upstream=("https://a/", "https://a", "https://b/x/")).upstreams == ("https://a", "https://b/x")


@pytest.mark.parametrize("url", ["flags.example", "ftp://a", "https://a/?b", "https:// a"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(BadSettings, match="--upstream"):
        load_settings(Settings, {"upstream": [url]}, {})


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "an edge node needs an edge key"),
        ("pennon_server_x", "this is a server key"),
        ("pennon_client_x", "this is a client key"),
        ("pennon_token_x", "this is a token"),
        ("pennon_edge_x\n", "printable"),
    ],
)
def test_a_key_that_cannot_be_an_edge_key_is_told_with_the_mend(key: str, told: str) -> None:
    problems = Settings(upstream=("https://a",), key=key).problems()
    assert len(problems) == 1
    assert told in problems[0]
    assert "pennon key create edge" in problems[0]


def test_settings_that_will_do_have_no_problems(tmp_path: Path) -> None:
    file = tmp_path / "defaults.json"
    file.write_text("{}")
    assert Settings(upstream=("https://a",), key="pennon_edge_x", defaults=str(file)).problems() == []


def test_the_key_and_passwords_are_not_shown() -> None:
    shown = repr(Settings(key="pennon_edge_s3cret", kv="redis://:s3cret@host/0"))
    assert "s3cret" not in shown


def test_a_name_is_made_once_and_kept(tmp_path: Path) -> None:
    name = name_in(tmp_path)
    assert name_in(tmp_path) == name
    other = tmp_path / "other"
    other.mkdir()
    assert name_in(other).rpartition("-")[0] == name.rpartition("-")[0]
    (tmp_path / "name").write_text("not, a name\n")
    assert name_in(tmp_path) != "not, a name"


def test_states_are_kept_in_the_data_folder_unless_told(tmp_path: Path) -> None:
    assert Settings(data=str(tmp_path)).kv_url == (tmp_path / "kv").as_uri()
    assert Settings(kv="redis://host/0").kv_url == "redis://host/0"


@pytest.mark.parametrize("setting", described(Settings), ids=lambda setting: setting.name)
def test_every_setting_has_a_help_text(setting: object) -> None:
    help_text = getattr(setting, "help", "")
    assert help_text.endswith(".")
    assert len(help_text) > 20
