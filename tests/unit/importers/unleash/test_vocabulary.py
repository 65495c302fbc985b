"""What a file's rules read, and what they compare it with."""

from pennon.importers import unleash
from tests.unit.importers.unleash.build import constraint, feature, file, rollout, strategy, variant


def test_every_field_is_named_with_its_literals() -> None:
    data = file(
        feature(
            "a",
            strategy("userWithId", constraint("IN", ["DE", "FR"], field="country"), parameters={"userIds": "u1, u2"}),
            strategy("default", constraint("NUM_GT", "5", field="/seats")),
            strategy("gradualRolloutSessionId", parameters={"percentage": "50"}),
            rollout(stickiness="region"),
            variants=[variant("v", overrides=[{"contextName": "plan", "values": ["gold"]}])],
        ),
        segments=[{"id": 1, "constraints": [constraint("DATE_AFTER", "2024-01-01T00:00:00Z", field="since")]}],
    )
    assert unleash.vocabulary(data) == {
        "/~1seats": ("5",),
        "country": ("DE", "FR"),
        "currentTime": ("2024-01-01T00:00:00Z",),
        "plan": ("gold",),
        "region": (),
        "remoteAddress": (),
        "sessionId": (),
        "since": ("2024-01-01T00:00:00Z",),
        "targetingKey": ("u1", "u2"),
        "userId": ("u1", "u2"),
    }


def test_a_constraint_without_a_value_names_its_field() -> None:
    data = file(feature("a", strategy("default", constraint("NUM_GT", field="seats"))))
    assert unleash.vocabulary(data) == {"seats": (), "targetingKey": ()}
