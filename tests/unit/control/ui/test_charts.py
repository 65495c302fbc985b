"""Charts are shapes of SVG that the pages' policy lets through, and that no text breaks out of."""

import re
from xml.etree.ElementTree import fromstring

import pytest

from pennon.control.ui.charts import HEIGHT, WIDTH, chart, compact, sparkline


def paths(drawn: str) -> list[list[tuple[float, float]]]:
    """Return the places that each line goes through."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", each.get("d", ""))]
        for each in fromstring(drawn).iter("path")
    ]


def test_each_value_has_its_place_on_axes_that_begin_at_nothing() -> None:
    drawn = chart([[0, 50, 100], [100, 100, 100]], {0: "14:00", 2: "16:00"})
    first, second = paths(drawn)
    assert [x for x, _ in first] == [x for x, _ in second]
    assert first[1][0] - first[0][0] == pytest.approx(first[2][0] - first[1][0], abs=0.2)
    assert first[0][1] > first[1][1] > first[2][1] == second[0][1]
    labels = [each.text for each in fromstring(drawn).iter("text")]
    assert {"14:00", "16:00", "0", "100"} <= set(labels)


def test_lines_are_told_apart_without_colours_and_marks_are_dots() -> None:
    drawn = chart([[1, 2], [2, 1], [1, 1]], {0: "a"}, marked=[1])
    lines = list(fromstring(drawn).iter("path"))
    assert len({(each.get("stroke"), each.get("stroke-dasharray")) for each in lines}) == 3
    assert len({each.get("stroke-dasharray") for each in lines}) == 3
    assert len(list(fromstring(drawn).iter("circle"))) == 1


def test_nothing_in_a_chart_is_style_or_script_and_labels_are_text() -> None:
    drawn = chart([[1, 2]], {0: "<script>alert(1)</script>"})
    assert "<script" not in drawn
    assert "style" not in drawn
    assert "&lt;script" in drawn


@pytest.mark.parametrize("line", [[0, 0, 0], [5], [0], [1e12, 0.0]])
def test_there_is_a_chart_of_whatever_was_counted(line: list[float]) -> None:
    drawn = chart([line], {len(line) - 1: "now"})
    assert "nan" not in drawn.lower()
    assert "inf" not in drawn.lower()
    assert all(abs(y) < 1000 for each in paths(drawn) for _, y in each)


def test_a_sparkline_goes_from_edge_to_edge_and_there_is_none_of_nothing() -> None:
    points = [tuple(map(float, each.split(","))) for each in sparkline([0, 3, 6]).split()]
    assert [x for x, _ in points] == [0, WIDTH / 2, WIDTH]
    assert points[0][1] == HEIGHT - 1
    assert points[2][1] == 1
    assert sparkline([0, 0]) == sparkline([4]) == ""


def test_numbers_are_as_short_as_they_are_read() -> None:
    assert [compact(each) for each in (0, 940, 12_345, 4.1e6, 2e9)] == ["0", "940", "12.3 k", "4.1 M", "2 G"]
