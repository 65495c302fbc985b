import pytest
import yaml

from pennon.control.files import nodes
from pennon.control.files.nodes import MAX_BYTES, line_of, read_yaml


def fault(text: str | bytes) -> tuple[int, str, str]:
    """Return the line, the path and the message of the one fault of *text*."""
    reading = read_yaml(text if isinstance(text, bytes) else text.encode())
    (found,) = reading.faults
    assert found.mend
    return found.line, found.path, found.message


def test_a_file_is_read_as_json() -> None:
    text = "key: a\nlist: [1, -2.5, x, null, true]\ndeep:\n  - {b: ~, c: 'it''s'}\n  - |\n    two\n    lines\n"
    assert read_yaml(text.encode()).value == {
        "key": "a",
        "list": [1, -2.5, "x", None, True],
        "deep": [{"b": None, "c": "it's"}, "two\nlines\n"],
    }


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "On", "NO", "y", "n", "2026-01-31", "12:30", "1.2.3", "=", "🚩"]
)
def test_what_yaml_1_1_takes_for_something_else_is_text(word: str) -> None:
    assert read_yaml(f"{word}: {word}".encode()) == nodes.Reading({word: word}, ())


def test_names_are_text_however_they_look() -> None:
    assert read_yaml(b"1: a\ntrue: b\nnull: c\n2.50: d").value == {"1": "a", "true": "b", "null": "c", "2.50": "d"}


@pytest.mark.parametrize("text", ["007", "1_000", "0x1F", "0o17", "1.10", "1e3", ".5", "5.", "+1", ".inf", ".NaN"])
def test_a_number_that_two_programs_read_as_two_is_a_fault(text: str) -> None:
    assert fault(f"a: 1\nb: {text}") == (2, "/b", f"{text} is not read as the same by everybody")
    assert read_yaml(f'b: "{text}"'.encode()).value == {"b": text}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: &x [1]\nb: *x", (2, "/b", "aliases are not read")),
        ("a: 1\nb:\n  c: 1\n  c: 2", (4, "/b/c", "'c' is there twice, in line 3 too")),
        ("a:\n\t- 1", (2, "", "found character that cannot start any token")),
        (
            "a: !!python/object/apply:os.system [x]",
            (1, "/a", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ),
        ("a: !!bool yes", (1, "/a", "the tag tag:yaml.org,2002:bool is not read")),
        ("base: {a: 1}\n<<: {b: 1}", (2, "", "<< is not read")),
        ("? [a, b]\n: 1", (1, "", "a name is no text")),
        ("a: 1\n---\nb: 2", (2, "", "holds several documents")),
        ("", (1, "", "is empty")),
        ("# nothing\n", (1, "", "is empty")),
        ('a: "\\0"', (1, "/a", "a text has the character U+0000")),
        ("a: 1\nb: 'x", (3, "", "found unexpected end of stream")),
        ("a: [1, 2", (1, "", "did not find expected ',' or ']'")),
        (b"a: 1\nb: \xff", (2, "", "is not UTF-8 at byte 8")),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str | bytes, found: tuple[int, str, str]) -> None:
    line, path, message = fault(text)
    assert (path, message[: len(found[2])]) == found[1:]
    assert line == found[0] or not path  # parsers differ in where they notice what ends too early


def test_tabs_are_told_what_they_are() -> None:
    assert "spaces" in read_yaml(b"a:\n\t- 1").faults[0].mend


def test_all_faults_are_told_at_once() -> None:
    assert [each.path for each in read_yaml(b"a: 007\nb: *x\nc: 1\nc: 2").faults] == ["/a", "/b", "/c"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 10_000, "- " * 10_000 + "x", "? " * 10_000])
def test_nesting_has_an_end(text: str) -> None:
    assert read_yaml(text.encode()).faults


def test_a_bomb_of_aliases_is_not_lit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    reading = read_yaml("\n".join(lines).encode())
    assert len(reading.faults) == 29 * 9


def test_a_file_is_bounded() -> None:
    assert "larger than 16 MiB" in fault(b"#" * (MAX_BYTES + 1))[2]


def test_the_line_of_a_path_is_found_again() -> None:
    text = b"key: a\nenvironments:\n  production:\n    rules:\n    - id: r1\n      serve: {variation: x}\n"
    assert line_of(text, "/environments/production/rules/0/serve/variation") == 6
    assert line_of(text, "/environments/production/rules/0/gone/too") == 5
    assert line_of(text, "/nothing") == 1


def test_a_machine_without_libyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_PARSER", yaml.SafeLoader)
    assert read_yaml(b"on: off\nx: [1, '2']").value == {"on": "off", "x": [1, "2"]}
    assert [each.path for each in read_yaml(b"a: 007\nb: *x").faults] == ["/a", "/b"]
