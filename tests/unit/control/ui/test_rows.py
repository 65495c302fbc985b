"""Rows of forms: added at the end, taken out of the middle, and nothing that was typed is lost."""

import pytest

from pennon.control.ui.forms import Form
from pennon.control.ui.rows import reshaped, row_count

TWO = (("name", "x"), ("slots/0/to", "1"), ("slots/1/to", "2"))


def test_a_row_is_added_behind_the_last() -> None:
    form = reshaped(Form((*TWO, ("add", "slots"))))
    assert form is not None
    assert (row_count(form, "slots"), row_count(form, "other")) == (3, 0)
    assert form.fields[:3] == TWO
    assert not form.has("add")


def test_what_is_behind_a_row_that_is_taken_away_moves_up() -> None:
    form = reshaped(Form((*TWO, ("slots/2/to", "3"), ("take", "slots/0"))))
    assert form is not None
    assert form.fields == (("name", "x"), ("slots/0/to", "2"), ("slots/1/to", "3"))


def test_a_form_that_is_sent_is_left_as_it_is() -> None:
    assert reshaped(Form(TWO)) is None


@pytest.mark.parametrize(
    "forged", ["slots", "slots/", "slots/x", "slots/-1", "slots/\u00b2", "/", "slots/" + "9" * 5000]
)
def test_a_button_that_no_page_has_takes_nothing_away(forged: str) -> None:
    form = reshaped(Form((*TWO, ("take", forged))))
    assert form is not None
    assert form.fields == TWO


def test_a_forged_number_makes_no_endless_list() -> None:
    assert row_count(Form((("slots/99999999/to", "1"), ("slots/x/to", "1"))), "slots") == 0
