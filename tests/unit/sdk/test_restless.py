from pennon.sdk.restless import RestlessFlags


def test_the_eleventh_change_within_a_minute_is_worth_a_warning_and_only_one_a_minute() -> None:
    flags = RestlessFlags()
    said = [now for now in range(60) if flags.changed(["a"], float(now))]
    assert said == [10]
    assert [now for now in range(60, 80) if flags.changed(["a"], float(now))] == [70]


def test_ten_changes_a_minute_are_no_more_than_that() -> None:
    flags = RestlessFlags()
    assert not any(flags.changed(["a"], now * 6.1) for now in range(100))


def test_flags_are_told_apart_and_forgotten_in_time() -> None:
    flags = RestlessFlags()
    for now in range(10):
        assert flags.changed(["a", "b"], float(now)) == []
    assert flags.changed(["b"], 10.0) == ["b"]
    flags.tick(100.0)
    assert flags._changes == {}
