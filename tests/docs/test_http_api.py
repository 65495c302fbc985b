"""Every route, error and edit of the admin API is in its reference."""

import re
import typing
from pathlib import Path

from pennon.control import errors
from pennon.control.api.errors import kind_of, status_of
from pennon.control.changes.edits import AnyEdit
from tests.integration.test_api_access import NEEDED

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http-api.md").read_text()
API = Path(__file__).parents[2] / "src" / "pennon" / "control" / "api"
E = "/projects/{project}/environments/{environment}"


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_route_is_there_with_its_permission() -> None:
    shown = {route.strip("`").replace(" E", f" {E}", 1): needed for route, needed, _ in rows("Routes")}
    assert shown == {route: f"`{needed}`" if needed else "any token" for route, needed in NEEDED.items()}


def test_every_error_is_there_with_its_status() -> None:
    shown = {kind.strip("`"): int(status) for status, kind, _ in rows("Errors")}
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.PennonError)]
    domain = {kind_of(each): status_of(each) for each in found if status_of(each) is not None}
    assert {kind: shown.get(kind) for kind in domain} == domain
    sources = "".join(file.read_text() for file in API.glob("*.py"))
    of_http = set(re.findall(r'(?:ApiError|BadBody)\(\s*\d{3}, "([a-z-]+)"', sources))
    assert len(of_http) >= 6
    assert of_http <= set(shown)


def test_every_edit_is_there_with_its_fields() -> None:
    shown = {word.strip("`"): fields for word, fields, _ in rows("Edits")}
    known = {str(edit.__struct_config__.tag): edit for edit in typing.get_args(AnyEdit)}
    assert shown.keys() == known.keys()
    for word, edit in known.items():
        assert set(re.findall(r"`(\w+)`", shown[word])) == set(edit.__struct_encode_fields__), word
