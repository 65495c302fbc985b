"""What a file asks of contexts."""

from pennon.importers import launchdarkly
from tests.unit.importers.launchdarkly.building import asks, clause, flag, payload, rollout, rule, segment


def test_a_user_alone_has_its_attributes_at_the_top() -> None:
    data = payload(
        flag(
            targets=[{"variation": 0, "values": ["u1", "u1"]}],
            rules=[
                rule(clause("in", "pro", "free"), clause("in", "x", attribute="/odd"), asks("s")),
                rule(clause("in", "deep", attribute="/a/b~1c", contextKind="user"), **rollout(1, bucketBy="unit")),
                rule(clause("in", "malformed", attribute="")),
            ],
        ),
        segment(included=["u2"], excluded=["u3"], rules=[{"clauses": [clause("in", 5)], "bucketBy": "other"}]),
    )
    assert launchdarkly.vocabulary(data) == {
        "/a/b~1c": ["deep"],
        "/~1odd": ["x"],
        "other": [],
        "plan": ["pro", "free", 5],
        "targetingKey": ["u1", "u2", "u3"],
        "unit": [],
    }


def test_beside_other_kinds_a_user_is_also_one_of_several() -> None:
    data = payload(
        flag(
            rules=[rule(clause("in", "pro"), clause("in", "large", attribute="/size", contextKind="org"))],
            contextTargets=[{"variation": 0, "values": ["o1"], "contextKind": "org"}],
            fallthrough=rollout(1, contextKind="device", bucketBy="/a//b"),
        ),
        flag("g", fallthrough=None, rules=[rule(clause("in", "x", attribute="kind"))]),
        segment(includedContexts=[{"contextKind": "team", "values": ["t1"]}]),
    )
    assert launchdarkly.vocabulary(data) == {
        "/org/size": ["large"],
        "/org/targetingKey": ["o1"],
        "/team/targetingKey": ["t1"],
        "/user/plan": ["pro"],
        "/user/targetingKey": [],
        "kind": ["multi", "org", "team", "user", "x"],
        "plan": ["pro"],
        "targetingKey": [],
    }


def test_of_a_long_list_the_first_are_told() -> None:
    keys = [f"u{number}" for number in range(100)]
    assert launchdarkly.vocabulary(payload(segment(included=keys)))["targetingKey"] == keys[:50]
