"""Values as variations: names that people recognise, one for each value."""

from pennon.importers.growthbook.values import Values


def test_values_are_named_by_themselves() -> None:
    values = Values()
    named = [
        values.variation(value) for value in (True, False, None, 1, 1.5, "red", "", "x\ny", {"a": 1}, [1], "z" * 65)
    ]
    assert named == ["true", "false", "null", "1", "1.5", "red", "v6", "v7", "v8", "v9", "v10"]


def test_a_hint_names_what_has_no_name() -> None:
    values = Values()
    assert values.variation({"a": 1}, "Control") == "Control"
    assert values.variation({"a": 2}, " ") == "v1"
    assert values.variation("red", "Control") == "red"


def test_the_same_value_is_the_same_variation() -> None:
    values = Values()
    assert values.variation({"a": 1, "b": 2}) == values.variation({"a": 1.0, "b": 2})
    assert values.variation({"b": 2, "a": 1}) == "v1"
    assert values.variation(1) == values.variation(1.0)
    assert values.variation("1") == "1-2"
    assert values.variation(True) == "true"


def test_variations_of_one_experiment_stay_apart() -> None:
    values = Values()
    first = values.variation(True)
    assert values.variation(True, apart_from=[first]) == "true-2"
    assert values.variation(True) == "true"


def test_a_reserved_variation_is_nobody_elses() -> None:
    values = Values()
    assert values.apart(None, "cyclic") == "cyclic"
    assert values.variation(None) == "null"
    assert [each.key for each in values.variations()] == ["cyclic", "null"]


def test_kinds_are_told() -> None:
    values = Values()
    values.variation(None)
    assert values.kinds() == ["boolean"]
    values.variation([1])
    assert values.kinds() == ["object"]
    values.variation("a")
    values.variation(2)
    values.variation(False)
    assert values.kinds() == ["boolean", "number", "object", "string"]
