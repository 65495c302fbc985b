"""The dialects there are."""

from pennon.engine.dialects import Choosy
from pennon.engine.dialects.launchdarkly import DIALECTS
from pennon.importers import launchdarkly


def test_there_is_a_dialect_for_each_that_an_import_may_name() -> None:
    assert set(DIALECTS) == set(launchdarkly.DIALECTS) == {"python", "node", "go"}
    assert all(isinstance(dialect, Choosy) for dialect in DIALECTS.values())
