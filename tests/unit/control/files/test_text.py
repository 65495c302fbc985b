import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.files import text
from pennon.control.files.nodes import read_yaml
from pennon.control.files.text import yaml_text
from pennon.model import Json

WORDS = [
    "on",
    "off",
    "yes",
    "NO",
    "y",
    "n",
    "~",
    "null",
    "true",
    "1",
    "1.10",
    "007",
    "1e3",
    ".5",
    "0x1F",
    "1_000",
    "12:30",
]
ODD = [
    "",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "<<",
    "=",
    "!a",
    "&a",
    "*a",
    "%a",
    "@a",
    "`a",
    "[",
    "{",
    "|",
    ">",
    "'",
    '"',
]
LINES = [
    "a\nb",
    "a\nb\n",
    "a\n\nb\n\n",
    "\na",
    " a\nb",
    "a \nb",
    "a\n b",
    "\n",
    "a\r\nb",
    "a\tb",
    "é\nb",
    "\ufeffa",
    "\u2028",
]
TEXTS = st.sampled_from([*WORDS, *ODD, *LINES, "2026-01-31", "…", "🚩"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=12
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=30
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5)


def exact(value: Json) -> str:
    """Return *value* so that true is not 1, and 1 is not 1.0."""
    return json.dumps(value)


@given(DOCUMENTS)
def test_what_is_written_is_read_as_it_was(value: Json) -> None:
    written = yaml_text(value)
    reading = read_yaml(written.encode())
    assert reading.faults == ()
    assert exact(reading.value) == exact(value)
    assert yaml_text(reading.value) == written


@given(DOCUMENTS)
def test_programs_of_yaml_1_1_read_it_as_we_do(value: Json) -> None:
    assert exact(yaml.safe_load(yaml_text(value))) == exact(value)


def test_what_is_short_stands_on_a_line_and_what_grows_has_lines() -> None:
    few, many = ["DE", "FR"], [f"u{number}" for number in range(9)]
    assert yaml_text({"a": {"in": few}, "b": many[:9]}) == "a: {in: [DE, FR]}\nb:\n" + "".join(f"- {u}\n" for u in many)


def test_a_text_of_lines_is_written_as_lines() -> None:
    assert yaml_text({"why": "One.\nTwo.\n"}) == "why: |\n  One.\n  Two.\n"


def test_what_others_take_for_something_else_is_in_quotes() -> None:
    assert yaml_text({"on": ["on", "NO", "1.10", "2.3.0", "new-checkout"]}) == (
        '"on": ["on", "NO", "1.10", 2.3.0, new-checkout]\n'
    )


def test_a_machine_without_libyaml_writes_what_is_read_as_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"on": ["yes", 1.0, None], "x": [{"a": "b: c"}], "why": "One.\nTwo."}
    monkeypatch.setattr(text, "_DUMPER", yaml.SafeDumper)
    assert exact(read_yaml(yaml_text(value).encode()).value) == exact(value)
