"""Reading files: what the client API answers, what is streamed, what is exported; and all else is refused."""

import json
from typing import Any

import pytest

from pennon.importers import ImportRefused, Note, unleash
from tests.unit.importers.unleash.build import constraint, feature, file, planned, rules, strategy, value, variant


def refusal(data: bytes, **options: str) -> str:
    with pytest.raises(ImportRefused) as refused:
        unleash.plan(data, "python", options)
    assert refused.value.vendor == "unleash"
    return str(refused.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (file(feature("a"))[:-3], "unleash: /: "),
        (b"\xff", "unleash: "),
        (b"[]", "this is no object"),
        (b"{}", "neither features nor events"),
        (b'{"toggles": []}', "front-end API"),
        (b'{"flags": {}}', "another vendor"),
        (b'{"features": {}}', "looks like GrowthBook"),
        (b'{"features": []}', "version None"),
        (b'{"version": 3, "features": []}', "version 3"),
        (b'{"version": true, "features": []}', "version True"),
        (b'{"version": 2, "features": [5]}', "/features/0: this is no object"),
        (b'{"version": 2, "features": [{"name": "a"}]}', "of 'a': "),
        (b'{"version": 2, "features": [], "segments": 5}', "/segments: this is no array"),
        (b'{"version": 2, "features": [], "segments": [{}]}', "/segments/0: "),
        (file(feature("a", strategy(parameters={"rollout": 50}))), "/features/0/strategies/0/parameters"),
        (file(feature("a"), feature("a")), "the feature 'a' is here and at /features/0"),
        (file(feature("a", variants=[variant("v", -1)])), "/features/0/variants/0/weight: of 'a'"),
        (file(feature("a", strategy(variants=[variant("v", -1)]))), "/features/0/strategies/0/variants/0/weight"),
        (file(feature("a", variants=[variant("v", payload={"type": "json"})])), "/features/0/variants/0/payload"),
        (file(feature("a", strategy("default", constraint("SOUNDS", "x")))), "/features/0/strategies/0/constraints/0"),
        (file(segments=[{"id": 1, "constraints": [constraint("SOUNDS", "x")]}]), "the operator 'SOUNDS'"),
        (file(feature("a", variants=[variant("v")]), feature("a.variant")), "the key 'a.variant' is taken"),
        (b'{"events": [{"type": "sound"}]}', "/events/0/type: an event of the type 'sound'"),
        (b'{"events": [{"type": "feature-removed"}]}', "/events/0/type"),
    ],
    ids=[str(number) for number in range(24)],
)
def test_what_cannot_be_read_whole_is_refused(data: bytes, says: str) -> None:
    assert says in refusal(data)


def test_options_and_dialects_that_are_not_there_are_refused() -> None:
    assert "no option 'tone'" in refusal(file(), tone="loud")
    assert "unknownOperators is sdk" in refusal(file(), unknownOperators="yes")
    with pytest.raises(ImportRefused, match="no dialect 'ruby'"):
        unleash.plan(file(), "ruby")


def test_a_file_without_features_is_an_empty_plan() -> None:
    assert unleash.plan(file(), "node").flags == ()


def test_members_that_nobody_knows_are_noted_however_deep() -> None:
    found = unleash.plan(
        file(feature("a", strategy("default", constraint("IN", ["a"], tone=1)), mood="good"), extra=1), "python"
    )
    message = "this member is not known here, and not carried"
    paths = [note.path for note in found.notes if note.message == message]
    assert paths == ["/extra", "/features/0/mood", "/features/0/strategies/0/constraints/0/tone"]
    inner = unleash.plan(
        file(feature("a", variants=[variant("v", payload={"type": "json", "value": "{}", "lang": "en"})])), "python"
    )
    assert Note("/features/0/variants/0/payload/lang", message) in inner.notes


def delta(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": list(events)}).encode()


def test_events_are_applied_in_their_order() -> None:
    segment = {"id": 1, "constraints": []}
    data = delta(
        {"type": "hydration", "features": [feature("a"), feature("b")], "segments": [segment]},
        {"type": "feature-updated", "feature": feature("c", strategy(segments=[2]))},
        {"type": "feature-removed", "featureName": "b"},
        {"type": "segment-updated", "segment": {"id": 2, "constraints": [constraint("IN", ["x"])]}},
        {"type": "segment-removed", "segmentId": 1},
    )
    found = unleash.plan(data, "python")
    assert [flag.key for flag in found.flags] == ["a", "c"]
    assert [segment.key for segment in found.segments] == ["unleash-2"]
    assert value(rules(found), "c", x="x") is True
    assert not any("hydration" in note.message for note in found.notes)


def test_a_delta_without_its_beginning_is_noted() -> None:
    found = unleash.plan(delta({"type": "feature-updated", "feature": feature("a")}), "node")
    assert [note.path for note in found.notes if "hydration" in note.message] == ["/events/0"]


EXPORT: dict[str, Any] = {
    "features": [
        {"name": "a", "type": "release", "project": "shop", "description": "A", "stale": True},
        {"name": "b", "type": "release", "project": "shop"},
        {"name": "c", "archived": False},
    ],
    "featureStrategies": [
        {
            "featureName": "a",
            "id": "2",
            "sortOrder": 2,
            "segments": [],
            **strategy("userWithId", parameters={"userIds": "u2"}),
        },
        {
            "featureName": "a",
            "id": "1",
            "sortOrder": 1,
            "title": "first",
            **strategy("userWithId", parameters={"userIds": "u1"}),
        },
        {"featureName": "a", "disabled": True, **strategy()},
        {"featureName": "b", "segments": [1], **strategy()},
    ],
    "featureEnvironments": [
        {"name": "a", "featureName": "a", "environment": "production", "enabled": True, "variants": [variant("v")]},
        {"name": "b", "environment": "production", "enabled": True},
    ],
    "featureTags": [{"featureName": "a", "tagType": "simple", "tagValue": "checkout"}],
    "segments": [{"id": 1, "name": "beta"}],
    "tagTypes": [],
    "contextFields": [],
    "dependencies": [{"feature": "c", "dependencies": [{"feature": "a", "enabled": False}]}],
}


def test_an_export_is_joined_to_features() -> None:
    found = unleash.plan(json.dumps(EXPORT).encode(), "python")
    first = planned(found, "a")
    assert (first.description, first.tags) == ("A", ("checkout",))
    assert first.flag is not None
    assert [rule.description for rule in first.flag.rules] == ["first", "userWithId"]
    assert [value(rules(found), "a", userId=user) for user in ("u1", "u2", "u3")] == [True, True, False]
    assert value(rules(found), "a.variant", userId="u1")["name"] == "v"
    assert planned(found, "c").flag is not None
    assert value(rules(found), "c") is False  # of no environment, and so off
    notes = [note.message for note in found.notes]
    assert "a disabled strategy is not sent to SDKs, and not imported" in notes


def test_of_a_segment_an_export_has_the_name_only() -> None:
    found = unleash.plan(json.dumps(EXPORT).encode(), "node")
    assert planned(found, "b").flag is None
    assert "an export has the name only" in planned(found, "b").notes[0].message
    whole = {**EXPORT, "segments": [{"id": 1, "name": "beta", "constraints": []}]}
    assert planned(unleash.plan(json.dumps(whole).encode(), "node"), "b").flag is not None


def test_an_export_of_several_environments_asks_which() -> None:
    rows = [*EXPORT["featureEnvironments"], {"name": "a", "environment": "test", "enabled": False}]
    data = json.dumps({**EXPORT, "featureEnvironments": rows}).encode()
    assert "it has the environments production, test" in refusal(data)
    assert "no environment 'moon'" in refusal(data, environment="moon")
    found = unleash.plan(data, "python", {"environment": b"test"})
    flag = planned(found, "a").flag
    assert flag is not None
    assert not flag.on
