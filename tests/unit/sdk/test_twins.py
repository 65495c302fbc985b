"""The synchronous client is the asynchronous one without its awaits, and never edited by hand."""

from pathlib import Path

import pytest

from scripts import generate


@pytest.mark.parametrize("source", generate.twins(), ids=lambda path: path.name)
def test_a_twin_is_what_its_source_makes_it(source: Path) -> None:
    target = generate.twins()[source]
    first, _, rest = target.read_text("utf-8").partition("\n")
    assert first.startswith("# Generated from ")
    assert "await" not in rest
    assert "async " not in rest
    made = generate.formatted(f"{first}\n" + generate.translate(source.read_text("utf-8"), set()), target)
    assert made == f"{first}\n{rest}"


def test_every_source_has_its_twin_and_no_twin_is_left_behind() -> None:
    targets = set(generate.twins().values())
    assert set((generate.SDK / "_sync").glob("*.py")) <= targets


def test_substitutions_note_their_use() -> None:
    used: set[str] = set()
    text = generate.translate("async with AsyncClient() as c:\n    await c.aclose()\n", used)
    assert text == "with Client() as c:\n    c.close()\n"
    assert len(used) == 4
