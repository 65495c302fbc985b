"""What the documentation shows of files is what files are."""

import re
from pathlib import Path

import msgspec
import yaml

from pennon.control.files.document import Document
from pennon.control.files.folder import MANIFEST, files_of, read_folder
from pennon.model.strict import shape_problems

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [text for name, text in _BLOCK.findall((DOCS / page).read_text("utf-8")) if name == language]


def test_the_flag_of_the_reference_is_read_and_written_as_it_is() -> None:
    (text,) = blocks("reference/files.md", "yaml")
    files = {
        MANIFEST: b"format: 1\nproject: shop\nenvironments: [production]\n",
        "flags/new-checkout.yaml": text.encode(),
    }
    folder = read_folder(files)
    assert folder.faults == ()
    document = msgspec.convert(folder.document, Document)
    assert files_of(document, "shop")["flags/new-checkout.yaml"] == text


def test_the_document_of_the_reference_is_one() -> None:
    (text,) = blocks("reference/files.md", "json")
    assert shape_problems(msgspec.json.decode(text), Document) == []


def test_the_jobs_of_ci_are_yaml_and_plan_and_apply() -> None:
    jobs = blocks("how-to/gitops.md", "yaml")
    assert len(jobs) == 2
    for job in jobs:
        assert isinstance(yaml.safe_load(job), dict)
        assert "pennon plan flags/" in job
        assert "pennon apply flags/ --yes" in job
