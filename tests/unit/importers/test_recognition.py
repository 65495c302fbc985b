import json
from typing import Any

import pytest

from pennon.importers.recognition import looks_like

LAUNCHDARKLY = {"flags": {"f": {"key": "f", "fallthrough": {"variation": 0}}}, "segments": {}}


@pytest.mark.parametrize(
    ("document", "vendor"),
    [
        (LAUNCHDARKLY, "launchdarkly"),
        ({"flags": {}, "segments": {}}, "launchdarkly"),
        ({"path": "/", "data": LAUNCHDARKLY}, "launchdarkly"),
        ({"flagValues": {"f": True}}, "launchdarkly"),
        ({"version": 2, "features": []}, "unleash"),
        ({"features": {"f": {"defaultValue": True}}}, "growthbook"),
        ({"encryptedFeatures": "…"}, "growthbook"),
        ({"flags": {"f": {"state": "ENABLED", "variants": {"on": True}}}}, "flagd"),
        ({"flags": [{"key": "f", "state": "ENABLED"}]}, "flagd"),
        ({"flags": {}, "$evaluators": {}}, "flagd"),
        ({"spec": 1, "digest": "", "flags": {}, "segments": {}}, "pennon"),
        ({"flags": {}}, None),
        ({"flags": {"f": 1}}, None),
        ({}, None),
        ([], None),
    ],
    ids=lambda value: None if value is None or not isinstance(value, str) else value,
)
def test_file_is_known_by_its_shape(document: Any, vendor: str | None) -> None:
    assert looks_like(json.dumps(document).encode()) == vendor


def test_what_is_no_json_looks_like_nothing() -> None:
    assert looks_like(b'{"flags": {') is None
    assert looks_like(b"\xff") is None
