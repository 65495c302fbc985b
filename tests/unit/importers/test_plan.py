from pennon.importers import Fidelity, ImportRefused, Plan, PlannedFlag
from pennon.model import Problem


def test_a_plan_is_exact_if_every_flag_is() -> None:
    exact = PlannedFlag(key="a", source="a", fidelity=Fidelity.EXACT)
    conditional = PlannedFlag(key="b", source="b", fidelity=Fidelity.CONDITIONAL)
    assert Plan(vendor="v", dialect="d").is_exact
    assert Plan(vendor="v", dialect="d", flags=(exact,)).is_exact
    assert not Plan(vendor="v", dialect="d", flags=(exact, conditional)).is_exact


def test_a_refusal_names_the_vendor_and_every_problem() -> None:
    refused = ImportRefused("unleash", [Problem("/features/0", "no name"), Problem("/segments", "no list")])
    assert str(refused) == "unleash: /features/0: no name; /segments: no list"
    assert len(refused.problems) == 2
