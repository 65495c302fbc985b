"""Which files are read, and what is said of others."""

from typing import Any

import pytest

from pennon.importers import ImportRefused, launchdarkly
from pennon.importers.verify import rules_of
from tests.unit.importers.launchdarkly.building import asks, encoded, flag, of_plan, rule, segment

FLAG, SEGMENT = flag(rules=[rule(asks("s"))]), segment(included=["u"])
WHOLE = {"flags": {"f": FLAG}, "segments": {"s": SEGMENT}}


def _events(*events: Any, intent: Any = "xfer-full") -> dict[str, Any]:
    first = {"event": "server-intent", "data": {"payloads": [{"id": "p", "target": 1, "intentCode": intent}]}}
    return {"events": [first, *events, {"event": "payload-transferred", "data": {"state": "s", "version": 1}}]}


def _put(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"event": "put-object", "data": {"version": 1, "kind": kind, "key": item["key"], "object": item}}


@pytest.mark.parametrize(
    "document",
    [
        WHOLE,
        {"path": "/", "data": WHOLE},
        _events(_put("flag", FLAG), _put("segment", SEGMENT)),
        _events(
            {"event": "heart-beat", "data": {}},
            _put("flag", {**FLAG, "on": False}),
            _put("flag", flag("gone")),
            _put("segment", SEGMENT),
            _put("flag", FLAG),
            {"event": "delete-object", "data": {"version": 2, "kind": "flag", "key": "gone"}},
        ),
    ],
    ids=["payload", "put", "events", "events-in-order"],
)
def test_what_sdks_receive_is_read(document: Any) -> None:
    plan = launchdarkly.plan(encoded(document), "python")
    assert [each.key for each in plan.flags] == ["f"]
    rules = rules_of(plan)
    assert [rules.evaluate("f", {"key": key}).value for key in "uv"] == ["a", "b"]


def test_flag_values_are_flags_that_serve_them() -> None:
    plan = launchdarkly.plan(encoded({"flagValues": {"x": True, "y": {"a": 1}}, "$schema": "s"}), "python")
    rules = rules_of(plan)
    assert [rules.evaluate(key, {"key": "u"}).value for key in ("x", "y")] == [True, {"a": 1}]
    assert [note.path for note in plan.notes] == ["/$schema"]


def test_a_file_may_have_segments_only() -> None:
    plan = launchdarkly.plan(encoded({"segments": {"s": SEGMENT}}), "python")
    assert ([each.key for each in plan.segments], plan.flags, plan.is_exact) == (["s"], (), True)


def test_flags_and_segments_come_in_the_order_of_their_keys() -> None:
    flags = {key: flag(key) for key in ("b", "a", "c")}
    plan = launchdarkly.plan(encoded({"flags": flags}), "python")
    assert [each.key for each in plan.flags] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("data", "path", "says"),
    [
        (b"", "", "truncated"),
        (b'{"flags": {"f": {"key": ', "", "truncated"),
        (b'\xff{"flags"', "", "malformed"),
        (b"[1]", "", "no JSON object"),
        (encoded({}), "", "neither flags nor"),
        (encoded({"version": 2, "features": []}), "", "looks like unleash's"),
        (encoded({"features": {}}), "", "looks like growthbook's"),
        (encoded({"flags": {"f": {"state": "ENABLED", "variants": {}}}}), "/flags/f", "looks like flagd's"),
        (encoded({"flags": {"f": {"environments": {}}}}), "/flags/f", "as the REST API shows it"),
        (encoded({"flags": []}), "/flags", "an object with a member for each key"),
        (encoded({"flags": {"f": FLAG}, "flagValues": {"f": 1}}), "/flagValues/f", "a flag and a flag value"),
        (encoded({"flags": {"f": 5}}), "/flags/f", "in 'f': Expected `object`"),
        (encoded({"flags": {"f": {**FLAG, "rules": 5}}}), "/flags/f/rules", "in 'f': Expected `array"),
        (encoded({"flags": {"f": {**FLAG, "on": "yes"}}}), "/flags/f/on", "Expected `bool"),
        (encoded({"flags": {"f": {**FLAG, "rules": [{"id": "r"}]}}}), "/flags/f/rules/0", "missing required field"),
        (encoded({"flags": {"f": {**FLAG, "key": "g"}}}), "/flags/f/key", "'g' is not 'f'"),
        (
            encoded({"segments": {"a/b": {"key": "a/b", "included": [5]}}}),
            "/segments/a~1b/included/0",
            "Expected `str`",
        ),
        (encoded({"path": "/flags/f", "data": FLAG}), "/path", "no whole environment"),
        (encoded({"path": "/", "data": 5}), "/path", "no whole environment"),
        (encoded({"events": 5}), "/events", "no array"),
        (encoded({"events": [5]}), "/events/0", "an event has"),
        (encoded({"events": []}), "/events", "no server-intent"),
        (encoded(_events(intent="xfer-changes")), "/events/0/data/payloads", "its intent is xfer-changes"),
        (
            encoded({"events": [{"event": "server-intent", "data": {"payloads": []}}]}),
            "/events/0/data/payloads",
            "none",
        ),
        (encoded({"events": [{"event": "server-intent", "data": {}}]}), "/events/0/data/payloads", "no array"),
        (encoded(_events({"event": "surprise", "data": {}})), "/events/1/event", "'surprise' is not known"),
        (encoded(_events(_put("layer", FLAG))), "/events/1/data", "neither a flag nor a segment"),
    ],
)
def test_other_files_are_refused_with_what_they_look_like(data: bytes, path: str, says: str) -> None:
    for ask in (lambda: launchdarkly.plan(data, "python"), lambda: launchdarkly.vocabulary(data)):
        with pytest.raises(ImportRefused) as refused:
            ask()
        (problem,) = refused.value.problems
        assert (refused.value.vendor, problem.path) == ("launchdarkly", path)
        assert says in problem.message


def test_every_item_that_cannot_be_read_is_told_at_once() -> None:
    flags = {"a": 5, "b": {**FLAG, "key": "b", "salt": 5}, "c": flag("c")}
    with pytest.raises(ImportRefused) as refused:
        launchdarkly.plan(encoded({"flags": flags, "segments": {"s": []}}), "python")
    assert [problem.path for problem in refused.value.problems] == ["/flags/a", "/flags/b/salt", "/segments/s"]


def test_dialects_and_options_are_known_or_refused() -> None:
    with pytest.raises(ImportRefused, match="no dialect 'ruby'"):
        launchdarkly.plan(encoded(WHOLE), "ruby")
    with pytest.raises(ImportRefused, match="no option 'sticky'"):
        launchdarkly.plan(encoded(WHOLE), "python", {"sticky": b""})


def test_what_the_dialect_of_three_languages_reads_as_one_of_them_is_told() -> None:
    (note,) = launchdarkly.plan(encoded(WHOLE), "go").notes
    assert note.message.startswith("the SDKs for Java and .NET bucket as Go's does")
    assert launchdarkly.plan(encoded(WHOLE), "node").notes == ()


def test_null_is_as_good_as_not_there() -> None:
    nothing = dict.fromkeys(("rules", "targets", "contextTargets", "prerequisites", "salt", "version"))
    plan = launchdarkly.plan(encoded({"flags": {"f": {**FLAG, **nothing}}, "segments": None}), "python")
    assert of_plan(plan).flag is not None
