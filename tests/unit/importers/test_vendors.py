import pytest

from pennon.importers.growthbook.sticky import read_sticky
from pennon.importers.plan import ImportRefused
from pennon.importers.vendors import VENDORS, importer


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_an_importer_that_describes_its_dialects(vendor: str) -> None:
    found = importer(vendor)
    assert found.DIALECTS
    assert all(name and line for name, line in found.DIALECTS.items())
    assert callable(found.plan)
    assert callable(found.vocabulary)


TWICE = {
    "launchdarkly": b'{"flags": {"f": {"key": "f", "on": true, "on": false, "fallthrough": {"variation": 0}}}}',
    "unleash": b'{"version": 2, "features": [{"name": "f", "enabled": true, "enabled": false}]}',
    "growthbook": b'{"features": {"f": {"defaultValue": true, "defaultValue": false}}}',
    "flagd": b'{"flags": {"f": {"state": "ENABLED", "state": "DISABLED", "variants": {"on": true}}}}',
}


@pytest.mark.parametrize(
    ("vendor", "path"),
    [
        ("launchdarkly", "/flags/f/on"),
        ("unleash", "/features/0/enabled"),
        ("growthbook", "/features/f/defaultValue"),
        ("flagd", "/flags/f/state"),
    ],
)
def test_a_file_that_says_two_things_of_one_member_is_refused_with_its_path(vendor: str, path: str) -> None:
    found = importer(vendor)
    with pytest.raises(ImportRefused) as caught:
        found.plan(TWICE[vendor], next(iter(found.DIALECTS)))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_sticky_documents_that_say_two_things_are_refused_with_their_path() -> None:
    with pytest.raises(ImportRefused) as caught:
        read_sticky(b'[{"attributeName": "id", "attributeName": "key", "attributeValue": "u1", "assignments": {}}]')
    assert [problem.path for problem in caught.value.problems] == ["/sticky/0/attributeName"]


def test_other_vendors_have_none() -> None:
    with pytest.raises(KeyError, match="peers"):
        importer("peers")
