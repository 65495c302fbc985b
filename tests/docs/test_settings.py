"""Every setting is in the reference, with its default and its help as `--help` gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.cli.settings import Described, Setting, described
from pennon.control.config import Settings as ServerSettings
from pennon.edge.config import Settings as EdgeSettings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES: dict[str, type[Described]] = {"settings.md": ServerSettings, "edge-settings.md": EdgeSettings}


def settings() -> Iterator[tuple[str, Setting]]:
    for page, kind in PAGES.items():
        for setting in described(kind):
            yield page, setting


@pytest.mark.parametrize(("page", "setting"), list(settings()), ids=lambda each: getattr(each, "name", each))
def test_a_setting_is_in_the_reference(page: str, setting: Setting) -> None:
    lines = (REFERENCE / page).read_text().splitlines()
    row = next((line for line in lines if line.startswith(f"| `{setting.name}` |")), None)
    assert row is not None, f"{setting.name} has no row"
    assert setting.help in row
    if setting.default not in (None, "", ()):
        assert f"| `{str(setting.default).lower() if setting.type is bool else setting.default}` |" in row
    for choice in setting.choices:
        assert choice in row


@pytest.mark.parametrize("setting", [setting for _, setting in settings()], ids=lambda each: each.name)
def test_a_setting_is_read_from_text_or_refused_with_a_mend(setting: Setting) -> None:
    for text in ("1", "x" * 40, "https://shop.example", "auto"):
        assert refusal(setting, text) is None or "; " in str(refusal(setting, text))


def refusal(setting: Setting, text: str) -> ValueError | None:
    try:
        setting.parse(text)
    except ValueError as error:
        return error
    return None


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_has_no_setting_that_is_gone(page: str) -> None:
    rows = {line.split("`")[1] for line in (REFERENCE / page).read_text().splitlines() if line.startswith("| `")}
    assert rows == {setting.name for setting in described(PAGES[page])}
