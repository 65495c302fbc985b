"""A code base as a whole: what one file means for another, which files are read, and what is missing where."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pennon.codemod import Conventions, Found, InvalidConventions, conventions_of, scan, survey
from pennon.codemod.tree import MAX_BYTES, changed_paths, repository_of, revision_of


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", root, *who, *arguments], check=True, capture_output=True, timeout=60)


def places(found: Found) -> set[tuple[str | None, str, int]]:
    return {(each.flag, each.file, each.line) for each in found.references if each.certain}


def test_keys_of_other_modules_are_followed_through_exports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/shop/flags/keys.py": 'class Flag(StrEnum):\n    NEW = "new"\n    OLD = "old"\nTHIRD = "third"\n',
            "src/shop/flags/__init__.py": "from shop.flags.keys import Flag as F, THIRD\n",
            "src/shop/views.py": "from shop.flags import F, THIRD\nfrom . import flags\n\nclient.boolean(F.NEW)\n"
            "client.boolean(THIRD)\nclient.boolean(flags.F.OLD.value)\nclient.boolean(flags.GONE)\n",
        },
    )
    assert places(scan(tmp_path, Conventions())) == {
        ("new", "src/shop/views.py", 4),
        ("third", "src/shop/views.py", 5),
        ("old", "src/shop/views.py", 6),
        (None, "src/shop/views.py", 7),
    }


def test_imports_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "from b import K\nclient.boolean(K)\n", "b.py": "from a import K\nclient.boolean(K)\n"})
    assert {each.flag for each in scan(tmp_path, Conventions()).references} == {None}


def test_wrappers_are_known_in_other_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "flags.py": "def is_on(key): return client.boolean(key)\n",
            "more.py": "from flags import is_on\ndef both(key): return is_on(key)\n",
            "views.py": "from flags import is_on\nfrom more import both\nis_on('a')\nboth('b')\n",
            "other.py": "def is_on(what): ...\nis_on('c')\n",
        },
    )
    assert places(scan(tmp_path, Conventions())) == {("a", "views.py", 3), ("b", "views.py", 4)}


def test_keys_that_pennon_has_are_found_as_text_once(tmp_path: Path) -> None:
    write(
        tmp_path, {"a.py": "KEYS = ['new']\nform.boolean('new')\nclient.boolean('new'), 'new'\n", "b.js": "x('new')\n"}
    )
    found = scan(tmp_path, Conventions(), known={"new"})
    told = [(each.file, each.line, each.how, each.certain) for each in found.references]
    assert sorted(told) == [
        ("a.py", 1, "mention", True),
        ("a.py", 2, "call", False),
        ("a.py", 3, "call", True),
        ("b.js", 1, "mention", True),
    ]


def test_files_that_nobody_wrote_are_not_read(tmp_path: Path) -> None:
    call = "client.boolean('k')\n"
    write(tmp_path, {"a.py": call, "node_modules/b.js": "flags" + call, ".venv/c.py": call, "build/d.py": call})
    write(tmp_path, {"large.py": call + "#" * MAX_BYTES, "zero.py": b"\0" + call.encode()})
    (tmp_path / "linked.py").symlink_to(tmp_path / "a.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = scan(tmp_path, Conventions())
    assert places(found) == {("k", "a.py", 1)}
    assert found.unread == {"zero.py": "its encoding is not what it says"}


def test_git_says_which_files_there_are(tmp_path: Path) -> None:
    call = "client.boolean('k')\n"
    write(
        tmp_path,
        {"a.py": call, "ignored.py": call, "build/new.py": call, ".gitignore": "ignored.py\n", "größe.py": call},
    )
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "a.py", ".gitignore")
    git(tmp_path, "commit", "-q", "-m", "all")
    write(tmp_path, {"gone.py": call})
    git(tmp_path, "add", "gone.py")
    (tmp_path / "gone.py").unlink()
    assert {each.file for each in scan(tmp_path, Conventions()).references} == {"a.py", "build/new.py", "größe.py"}
    assert changed_paths(tmp_path) == {"gone.py", "build/new.py", "größe.py"}
    assert changed_paths(tmp_path / "build") == {"new.py"}
    assert len(revision_of(tmp_path)) == 40
    assert repository_of(tmp_path) is None


def test_a_folder_that_git_ignores_is_read_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "made\n", "made/a.py": "client.boolean('k')\n"})
    git(tmp_path, "init", "-q")
    assert places(scan(tmp_path, Conventions())) == set()
    assert places(scan(tmp_path / "made", Conventions())) == {("k", "a.py", 1)}


def test_a_folder_without_git_has_no_changes_and_no_commit(tmp_path: Path) -> None:
    assert changed_paths(tmp_path) is None
    assert revision_of(tmp_path) == ""
    assert repository_of(tmp_path) is None


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://github.com/pennon/shop.git", "github.com/pennon/shop"),
        ("https://ada:secret@github.com/pennon/shop.git/", "github.com/pennon/shop"),
        ("https://ghp_secret@github.com:8443/pennon/shop", "github.com/pennon/shop"),
        ("git@github.com:pennon/shop.git", "github.com/pennon/shop"),
        ("ada:secret@host:pennon/shop", "host/pennon/shop"),
        ("ssh://git@host:22/pennon/shop.git", "host/pennon/shop"),
        ("https://host/shop.git?token=secret#secret", "host/shop"),
        ("/srv/git/shop.git", "shop"),
    ],
)
def test_a_repository_is_named_by_its_remote_without_credentials(tmp_path: Path, remote: str, name: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", remote)
    assert repository_of(tmp_path) == name


def test_encodings_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.py": b"\xef\xbb\xbfclient.boolean('a')\r\nclient.boolean('b')\r\n",
            "b.py": "# -*- coding: latin-1 -*-\nx = 'é'; client.boolean('c')\n".encode("latin-1"),
            "c.py": b"x = '\xff'; client.boolean('d')\n",
            "d.py": "def client.boolean('e')\n",
            "e.js": b"x = '\xff'; flags.boolean('f')\n",
        },
    )
    found = scan(tmp_path, Conventions())
    assert places(found) == {("a", "a.py", 1), ("b", "a.py", 2), ("c", "b.py", 2), ("f", "e.js", 1)}
    assert found.unread.keys() == {"c.py", "d.py"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "client.boolean('a')\n"})
    (tmp_path / "a.py").chmod(0)
    assert scan(tmp_path, Conventions()).unread == {"a.py": "Permission denied"}


def test_conventions_are_of_the_code_base(tmp_path: Path) -> None:
    assert conventions_of(tmp_path) == Conventions()
    (tmp_path / "pyproject.toml").write_text('[tool.pennon.scan]\nmethods = ["may"]\nexclude = ["old"]\n')
    assert conventions_of(tmp_path) == Conventions(methods=("may",), exclude=("old",))
    (tmp_path / ".pennon.toml").write_text('[scan]\nfunctions = ["is_on"]\ninclude = ["src", "*.js"]\n')
    assert conventions_of(tmp_path) == Conventions(functions=("is_on",), include=("src", "*.js"))
    write(tmp_path, {"src/a.py": "is_on('a')\n", "b.py": "is_on('b')\n", "c.js": "is_on('c')\n"})
    assert {each.flag for each in scan(tmp_path, conventions_of(tmp_path)).references} == {"a", "c"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scan]\nfunction = []\n", "unknown field `function`"),
        ("[scan]\nfunctions = 3\n", r"Expected `array`, got `int` - at `\$\.functions`"),
        ("[scan\n", "cannot be read"),
        ("scan = 3\n", "Expected `object`"),
    ],
)
def test_conventions_that_cannot_be_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / ".pennon.toml").write_text(text)
    with pytest.raises(InvalidConventions, match=said):
        conventions_of(tmp_path)


def test_owners_are_found_where_github_looks(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "client.boolean('a')\n", "b/c.py": "client.boolean('c')\n"})
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "CODEOWNERS").write_text("b/ @bees\n")
    assert {each.flag: each.owner for each in scan(tmp_path, Conventions()).references} == {"a": None, "c": "@bees"}


def test_a_survey_names_what_is_missing_in_code_and_in_pennon(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "client.boolean('new-chekout')\nclient.boolean('search')\nclient.boolean(key)\n"})
    write(tmp_path, {"b.py": "client.boolean('zzz')\nschema.string('search')\nschema.string('name')\n"})
    known = {"new-checkout": "@web", "search": None}
    found = scan(tmp_path, Conventions(), known=known)
    seen = survey(found.references, known, files=found.files)
    assert [(each.key, each.meant) for each in seen.unknown] == [("new-chekout", ("new-checkout",)), ("zzz", ())]
    assert seen.unused == ("new-checkout",)
    assert [each.line for each in seen.flags["search"]] == [2, 2]
    assert [(each.file, each.line) for each in seen.dynamic] == [("a.py", 3)]
    assert seen.files == 2
    alone = survey(found.references, None)
    assert alone.unknown == ()
    assert alone.unused == ()
    assert [each.flag for each in alone.references] == ["new-chekout", "search", "zzz"]


def test_progress_ends_with_all(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "", "b.py": "", "c.js": ""})
    told: list[tuple[int, int]] = []
    scan(tmp_path, Conventions(), told=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
