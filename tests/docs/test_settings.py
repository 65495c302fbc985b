"""Every setting is in the reference, with its default and its help as `pennon serve --help` gives it."""

from pathlib import Path

import pytest

from pennon.cli.settings import Setting, described
from pennon.control.config import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text()


@pytest.mark.parametrize("setting", described(Settings), ids=lambda setting: setting.name)
def test_a_setting_is_in_the_reference(setting: Setting) -> None:
    row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{setting.name}` |")), None)
    assert row is not None, f"{setting.name} has no row"
    assert setting.help in row
    if setting.default is not None:
        assert f"| `{str(setting.default).lower() if setting.type is bool else setting.default}` |" in row
    for choice in setting.choices:
        assert choice in row


def test_the_reference_has_no_setting_that_is_gone() -> None:
    rows = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows == {setting.name for setting in described(Settings)}
