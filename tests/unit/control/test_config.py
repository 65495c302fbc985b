from pathlib import Path

import pytest

from pennon.cli.settings import BadSettings, described, load_settings
from pennon.control.config import Settings


def test_defaults_listen_on_loopback_only() -> None:
    settings = load_settings(Settings, {}, {})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_option_beats_variable_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "pennon.toml"
    file.write_text('port = 1\ndata = "from-file"\nlog_level = "error"\n')
    settings = load_settings(Settings, {"port": 3}, {"PENNON_PORT": "2", "PENNON_DATA": "from-variable"}, file=file)
    assert (settings.port, settings.data, settings.log_level) == (3, "from-variable", "error")


def test_empty_variable_is_not_given() -> None:
    assert load_settings(Settings, {}, {"PENNON_DATABASE_URL": ""}).database_url is None


def test_a_setting_that_may_be_left_out_is_checked_when_it_is_given() -> None:
    url = "https://flags.example.com/pennon"
    assert load_settings(Settings, {"public_url": url}, {}).public_url == url
    with pytest.raises(BadSettings, match=r"--public-url: 'flags\.example\.com' is not allowed"):
        load_settings(Settings, {"public_url": "flags.example.com"}, {})


def test_each_bad_value_is_named_with_what_to_write_instead(tmp_path: Path) -> None:
    file = tmp_path / "pennon.toml"
    file.write_text('max_rules = "many"\nprot = 8000\n')
    environ = {"PENNON_LOG_LEVEL": "loud", "PENNON_METRICS_OPEN": "perhaps"}
    with pytest.raises(BadSettings) as caught:
        load_settings(Settings, {"port": "70000"}, environ, file=file)
    found = "\n".join(caught.value.problems)
    assert "--port: '70000' is not allowed" in found
    assert "PENNON_LOG_LEVEL: 'loud'" in found
    assert "write one of debug, info, warning, error" in found
    assert "PENNON_METRICS_OPEN" in found
    assert f"max_rules in {file}" in found
    assert f"prot in {file}: there is no such setting; did you mean port?" in found


@pytest.mark.parametrize("text", ["port = ", "\xff"])
def test_file_that_is_not_toml_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pennon.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadSettings, match=r"--config .*write TOML"):
        load_settings(Settings, {}, {}, file=file)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        load_settings(Settings, {}, {}, file=tmp_path / "none.toml")


def test_the_bus_is_the_database_where_that_can_carry_notices() -> None:
    database = "postgresql+psycopg://host/pennon"
    assert Settings().bus is None
    assert Settings(database_url=database).bus == database
    assert Settings(database_url=database, bus_url="memory").bus is None
    assert load_settings(Settings, {"bus_url": "redis://host:6379/0"}, {}).bus == "redis://host:6379/0"


def test_password_in_the_address_of_the_bus_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(bus_url="redis://:s3cret@host/0"))
    with pytest.raises(BadSettings) as caught:
        load_settings(Settings, {"bus_url": "kafka://:s3cret@host"}, {})
    assert "PENNON_BUS_URL" in str(caught.value) or "--bus-url" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_password_in_the_database_url_is_not_shown() -> None:
    settings = Settings(database_url="postgresql+psycopg://pennon:s3cret@host/pennon")
    assert "s3cret" not in repr(settings)
    with pytest.raises(BadSettings) as caught:
        load_settings(Settings, {"database_url": ["s3cret"]}, {})
    assert "s3cret" not in str(caught.value)


def test_database_is_sqlite_in_the_data_folder_unless_named() -> None:
    assert Settings(data="/var/lib/pennon").database == "sqlite:////var/lib/pennon/pennon.db"
    assert Settings(database_url="postgresql+psycopg://h/p").database == "postgresql+psycopg://h/p"


@pytest.mark.parametrize("setting", described(Settings), ids=lambda setting: setting.name)
def test_every_setting_has_a_help_text(setting: object) -> None:
    help_text = getattr(setting, "help", "")
    assert help_text.endswith(".")
    assert len(help_text) > 20
