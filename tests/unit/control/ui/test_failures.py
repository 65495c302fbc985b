"""A page that tells of a failure names what failed, and not more."""

import pytest

from pennon.control.errors import Busy, OutcomeUnknown, Overtaken, PennonError, Unavailable
from pennon.control.ui.failures import title_of


@pytest.mark.parametrize("error", [Busy("the database is busy"), Overtaken("others were faster"), OutcomeUnknown("?")])
def test_a_database_that_answers_is_not_said_to_be_down(error: PennonError) -> None:
    status, title = title_of(error)
    assert status == title_of(Unavailable("it is down"))[0] == 503
    assert title != title_of(Unavailable("it is down"))[1]
