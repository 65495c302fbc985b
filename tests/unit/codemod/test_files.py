"""Writing: each file whole, and all of them in the end."""

import os
import stat
from pathlib import Path

import pytest

from pennon.codemod import CodemodError
from pennon.codemod.files import JOURNAL, Edition, edition, finish, is_unfinished, write, write_whole


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text(f"{name} = 1\n")
    return tmp_path


def editions(root: Path) -> list[Edition]:
    return [edition(name, (root / name).read_bytes(), "x = 2\n") for name in ("a.py", "b.py", "c.py")]


def texts(root: Path) -> list[str]:
    return [(root / name).read_text() for name in ("a.py", "b.py", "c.py")]


def test_all_files_are_written_and_nothing_else_is_left(root: Path) -> None:
    assert write(root, editions(root)) == ()
    assert texts(root) == ["x = 2\n"] * 3
    assert sorted(each.name for each in root.iterdir()) == ["a.py", "b.py", "c.py"]


def test_what_was_interrupted_is_finished(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace
    left = iter([True, True])  # the journal, and one file; then it is killed

    def killed(self: Path, target: Path) -> Path:
        if not next(left, False):
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(root, editions(root))
    monkeypatch.undo()
    assert texts(root) == ["x = 2\n", "b.py = 1\n", "c.py = 1\n"]
    assert is_unfinished(root)
    (root / "c.py").write_text("mine\n")
    assert finish(root) == ("c.py",)
    assert texts(root) == ["x = 2\n", "x = 2\n", "mine\n"]
    assert not is_unfinished(root)


def test_a_file_that_changed_meanwhile_stays(root: Path) -> None:
    prepared = editions(root)
    (root / "b.py").write_text("mine\n")
    (root / "c.py").unlink()
    assert write(root, prepared) == ("b.py", "c.py")
    assert (root / "b.py").read_text() == "mine\n"
    assert not (root / "c.py").exists()


def test_nothing_outside_of_the_folder_is_written(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.py"
    outside.write_text("x = 1\n")
    one = edition(os.path.relpath(outside, root), outside.read_bytes(), "x = 2\n")
    assert write(root, [one]) == (one.path,)
    assert outside.read_text() == "x = 1\n"


def test_a_journal_that_is_none_is_refused(root: Path) -> None:
    (root / JOURNAL).write_text("[{}]")
    with pytest.raises(CodemodError, match="cannot be read"):
        finish(root)


def test_mode_encoding_and_line_ends_stay(root: Path) -> None:
    path = root / "a.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    path.chmod(0o751)
    write(root, [edition("a.py", path.read_bytes(), "x = 'é'\r\n")])
    assert path.read_bytes() == b"\xef\xbb\xbfx = '\xc3\xa9'\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    latin = edition("a.py", b"# coding: latin-1\n", "# coding: latin-1\nx = '\xe9'\n")
    assert latin.after == b"# coding: latin-1\nx = '\xe9'\n"


def test_a_draft_that_could_not_be_written_goes(root: Path) -> None:
    (root / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011  # whatever the system says
        write_whole(root / "folder", b"x")
    assert sorted(each.name for each in root.iterdir()) == ["a.py", "b.py", "c.py", "folder"]
