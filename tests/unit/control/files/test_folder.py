from collections.abc import Mapping

import msgspec
import pytest

from pennon.control.files.document import Document, FlagEntry
from pennon.control.files.folder import MANIFEST, Folder, files_of, manifest_of, read_folder
from pennon.control.flags.definitions import BOOLEAN_VARIATIONS, FlagConfiguration, FlagDefinition
from pennon.model import Compat, Condition, Layer, Rule, Segment, Serve, Slot, Variation

PLAIN = f"{MANIFEST}:\nformat: 1\nproject: shop\nenvironments: [production, staging]\n".partition("\n")[2]
FLAG = """\
key: a
variations:
- {key: "on", value: true}
environments:
  production:
    fallthrough: {variation: "on"}
"""
WRONG = """\
key: c
kind: 1
environments:
  production:
    on: on
    fallthrough: {}
    offVariation: true
"""


def entry(key: str, **fields: object) -> FlagEntry:
    definition = FlagDefinition(key=key, variations=BOOLEAN_VARIATIONS, **fields)  # type: ignore[arg-type]
    configuration = FlagConfiguration(
        on=True,
        salt="",
        rules=(Rule("r1", (Condition("in", "country", ("NO", 1, 1.0, True)),), Serve("on"), "Norway"),),
        fallthrough=Serve("off"),
        off_variation="off",
        compat=Compat("flagd", "any") if "/" in key else None,
    )
    return FlagEntry(definition=definition, environments={"production": configuration})


KEYS = ("a", "b/../c", "B", "b", "nul", "../x", "naïve", "x" * 256)
DOCUMENT = Document(
    environments=("production", "staging"),
    flags={key: entry(key, description="One.\nTwo.", tags=("x",)) for key in KEYS},
    segments={
        "production": {"beta": Segment("beta", salt="s", included=tuple(f"u{n}" for n in range(20)))},
    },
    layers={"staging": {"l": Layer("l", salt="s", slots=(Slot(0, 100, "e"),))}},
)


def written(document: Document = DOCUMENT) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files_of(document, "shop").items()}


def told(files: Mapping[str, str | bytes]) -> list[tuple[str, str, str]]:
    """Return the place, the path and the message of every fault."""
    texts = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    faults = read_folder({MANIFEST: PLAIN.encode(), **texts}).faults
    assert all(fault.mend for fault in faults)
    return [(fault.place, fault.path, fault.message) for fault in faults]


def test_what_is_written_is_read_as_it_was() -> None:
    folder = read_folder(written())
    assert folder.faults == ()
    assert folder.project == "shop"
    assert msgspec.convert(folder.document, Document) == DOCUMENT


def test_the_same_document_is_the_same_bytes_in_any_order() -> None:
    turned = msgspec.structs.replace(DOCUMENT, flags=dict(reversed(list(DOCUMENT.flags.items()))))
    assert written(turned) == written()
    assert list(written()) == sorted(written())


def test_a_flag_stands_in_the_order_in_which_people_read_it() -> None:
    text = files_of(DOCUMENT, "shop")["flags/a.yaml"]
    names = [line.partition(":")[0].strip().strip('"') for line in text.splitlines() if line.rstrip().endswith(":")]
    assert names == ["variations", "environments", "production", "rules", "conditions"]
    order = ["key: a", "description: |", "tags: [x]", "variations:", '"on": true', "rules:", "fallthrough:", "salt:"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "kind" not in text  # a default


def test_nothing_that_the_log_sets_is_in_files() -> None:
    assert not any(b"version:" in text or b"hash:" in text or b"changedAt" in text for text in written().values())


def test_keys_that_differ_by_case_have_files_on_any_file_system() -> None:
    names = [name.lower() for name in written()]
    assert len(set(names)) == len(names)
    assert "flags/b.yaml" in written()


def test_a_key_that_was_alone_once_keeps_its_file() -> None:
    files = {name: text for name, text in written().items() if "~" not in name}
    alone = next(text for name, text in written().items() if name.startswith("flags/B~"))
    assert read_folder({**files, "flags/B.yaml": alone}).faults == ()


def test_files_say_what_is_wrong_with_them_all_at_once() -> None:
    faults = told(
        {
            "flags/a.yaml": FLAG.replace("fallthrough", "falltrough") + "what: 1\n",
            "flags/b.yaml": FLAG,
            "flags/c.yaml": WRONG,
            "flags/d.yaml": "key: d\nversion: 3\nenvironments: {nowhere: {fallthrough: {}}}\n",
            "flags/e.yaml": "- e\n",
            "segments/beta.yaml": "key: beta\n",
            "segments/production/beta.yaml": "key: beta\nincluded: u1\n",
            "layers/nowhere/l.yaml": "key: l\n",
            "flags/notes.txt": "",
        }
    )
    assert ("flags/a.yaml:6", "/environments/production/falltrough", "there is no such field") in faults
    assert ("flags/a.yaml:7", "/what", "there is no such field") in faults
    assert ("flags/b.yaml:1", "/key", "it is 'a', and the file is called otherwise") in faults
    assert ("flags/c.yaml:5", "/environments/production/on", "expected `bool`, got `str`") in faults
    assert ("flags/c.yaml:7", "/environments/production/offVariation", "expected `str | null`, got `bool`") in faults
    assert [path for place, path, _ in faults if place == "flags/c.yaml:2"] == ["/kind"]
    assert ("flags/d.yaml:2", "/version", "is not for files to say") in faults
    assert ("flags/e.yaml:1", "/key", "has no key") in faults
    assert ("segments/beta.yaml", "", "is in the wrong folder") in faults
    assert [path for place, path, _ in faults if place == "segments/production/beta.yaml:2"] == ["/included"]
    assert ("layers/nowhere/l.yaml:1", "", f"{MANIFEST} does not name the environment 'nowhere'") in faults
    assert ("flags/notes.txt", "", "is no .yaml file") in faults


def test_two_files_of_one_key_are_a_fault() -> None:
    name = next(name for name in written() if name.startswith("flags/B~"))
    files = {**written(), "flags/B.yaml": written()[name]}
    (fault,) = read_folder(files).faults
    assert "'B' is in flags/B.yaml too" in fault.message


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "is not there"),
        ("format: 2\nproject: shop\nenvironments: []", "there is no form 2 of files"),
        ("format: 1\nproject: shop", "this field is required"),
        ("format: 1\nproject: 1\nenvironments: []", "expected `str`, got `int`"),
        ("format: 1\nproject: shop\nenvironments: [a, a]", "an environment is there twice"),
    ],
)
def test_a_folder_says_what_it_is(manifest: str | None, message: str) -> None:
    found = read_folder({} if manifest is None else {MANIFEST: manifest.encode()})
    assert [fault.message for fault in found.faults] == [message]
    assert manifest is None or (manifest_of(manifest.encode()) is None) == (
        "format: 2" not in manifest and "[a" not in manifest
    )


def test_what_people_keep_beside_is_left_alone() -> None:
    beside = {"flags/README.md": b"*", "flags/.gitkeep": b"", "segments/.cache/x": b"\xff", "other/x.yaml": b":"}
    assert read_folder({**written(), **beside}).faults == ()


def test_a_problem_of_the_document_is_found_in_its_file() -> None:
    folder: Folder = read_folder(written())

    def found(path: str) -> tuple[str, str]:
        """Return the text of the line that *path* leads to, and the path in its file."""
        place, _, inside = folder.located(path).partition(" ")
        file, _, line = place.rpartition(":")
        return written()[file].decode().splitlines()[int(line) - 1].strip(), inside

    rule = "/environments/production/rules/0"
    assert found(f"/flags/a{rule}/serve/variation") == ('serve: {variation: "on"}', f"{rule}/serve/variation")
    assert found("/flags/a/definition/variations/1/key") == ('- {key: "off", value: false}', "/variations/1/key")
    assert found("/flags/b~1..~1c/definition/key") == ("key: b/../c", "/key")
    assert found("/segments/production/beta/included/2") == ("- u2", "/included/2")
    assert folder.located("/environments/0") == "/environments/0"


def test_variations_of_any_type_keep_it() -> None:
    values = (1, 1.0, True, "1", None, [1.0, {"on": "off"}])
    definition = FlagDefinition(key="a", variations=tuple(Variation(str(n), value) for n, value in enumerate(values)))
    document = Document(environments=(), flags={"a": FlagEntry(definition=definition)})
    read = msgspec.convert(read_folder(written(document)).document, Document)
    assert msgspec.json.encode(read) == msgspec.json.encode(document)
