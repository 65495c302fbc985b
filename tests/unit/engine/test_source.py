"""Functions written for flags: shapes are shared, constants are not."""

from pennon.engine.probes import Trace
from pennon.engine.source import NEAR, SHAPES, Shapes, Writer, once


def _adder(number: int) -> Writer:
    writer = Writer("x")
    writer.line(0, f"return x + {writer.constant(number)}")
    return writer


def test_functions_of_one_shape_share_their_code_but_no_constants() -> None:
    shapes = Shapes()
    one, two = _adder(1).made(shapes), _adder(2).made(shapes)
    assert (one(10), two(10)) == (11, 12)
    assert one.__code__ is two.__code__


def test_equal_strings_are_one_constant() -> None:
    writer = Writer("")
    names = [writer.constant(value) for value in ("a", "b", "a", 1)]
    assert names == ["k0", "k1", "k0", "k2"]


def test_constants_beyond_the_near_ones_are_found_too() -> None:
    writer, numbers = Writer("x"), range(NEAR + 3)
    names = [writer.constant(number) for number in numbers]
    assert names[NEAR - 1 : NEAR + 1] == [f"k{NEAR - 1}", f"k[{NEAR}]"]
    writer.line(0, f"return [x, {', '.join(names)}]")
    assert writer.made(Shapes())("x") == ["x", *numbers]


def test_shapes_are_bounded_and_functions_outlive_them() -> None:
    shapes = Shapes()
    first = _adder(1).made(shapes)
    for number in range(SHAPES):
        writer = Writer("x")
        writer.line(0, f"return x * {number}")
        writer.made(shapes)
    assert first(1) == 2
    assert _adder(1).made(shapes).__code__ is not first.__code__


def test_a_function_is_asked_once() -> None:
    asked: list[object] = []

    def function(_context: object, memo: object, now: object) -> str | None:
        asked.append((memo, now))
        return None

    memo: dict[object, object] = {}
    assert [once(memo, function, {}, 5.0), once(memo, function, {}, 5.0)] == [None, None]
    assert len(asked) == 1
    assert asked[0][1] == 5.0  # type: ignore[index]


def test_a_writer_without_a_probe_writes_nothing_for_it() -> None:
    writer = Writer("c")
    assert writer.probed("x", "rule", "/rules/0", None) == "x"
    assert writer.found("x") == "x"
    assert writer.every(["x", "y"]) == "x and y"
    assert writer.every([]) == "True"
    writer.note_bucket(0, "/by", None, "u, b")
    writer.line(0, "return 1")
    assert writer.made(Shapes())({}) == 1


def test_a_writer_with_a_probe_notes_what_happens() -> None:
    trace = Trace()
    writer = Writer("c", trace)
    found = writer.probed(writer.every([writer.found("c['a']"), "False", "1 / 0"]), "rule", "/rules/0", "a rule")
    writer.note_bucket(0, "/by", "a split", "'u1', 7")
    writer.line(0, f"return {found}")
    assert writer.made(Shapes())({"a": 1}) is False
    placed, ruled = trace.root.children
    assert (placed.site.subject, placed.unit, placed.bucket) == ("a split", "u1", 7)
    assert (ruled.site.subject, ruled.outcome, ruled.found, ruled.is_finished) == ("a rule", False, 1, True)
