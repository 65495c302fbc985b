"""What the page on LaunchDarkly's dialects says in numbers and names is so."""

import re

from pennon.bucketing.sha1 import place_f64, sha1_60
from pennon.engine.dialects.launchdarkly import DIALECTS
from pennon.engine.dialects.launchdarkly.dialect import HASHES
from pennon.engine.dialects.launchdarkly.operators import OPERATORS
from tests.spec.vectors import SPEC

PAGE = (SPEC / "dialects" / "launchdarkly.md").read_text()


def test_the_check_values_are_right() -> None:
    found = re.findall(r"^\| `([^`]+)` \| ([0-9a-f]{15}) \| ([0-9.]+) \|$", PAGE, re.MULTILINE)
    assert len(found) == 6
    for text, digits, place in found:
        assert f"{sha1_60(text.encode()):x}" == digits
        assert repr(place_f64(sha1_60(text.encode()))) == place


def test_every_dialect_hash_and_operator_is_named() -> None:
    named = set(re.findall(r"[\w-]+", PAGE))
    assert named >= {*DIALECTS, *HASHES, *OPERATORS}
