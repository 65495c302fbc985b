import pytest

from pennon.importers.vendors import VENDORS, importer


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_an_importer_that_describes_its_dialects(vendor: str) -> None:
    found = importer(vendor)
    assert found.DIALECTS
    assert all(name and line for name, line in found.DIALECTS.items())
    assert callable(found.plan)
    assert callable(found.vocabulary)


def test_other_vendors_have_none() -> None:
    with pytest.raises(KeyError, match="peers"):
        importer("peers")
