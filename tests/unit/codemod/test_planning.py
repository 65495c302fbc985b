"""What removing a flag would do to a code base of several files."""

from collections.abc import Mapping
from pathlib import Path

from pennon.codemod import Conventions, scan
from pennon.codemod.removal import Kept, Plan, plan_removal

CALL = "from shop.flags import client\nif client.boolean('k'):\n    a()\n"


def planned(root: Path, files: Mapping[str, str], conventions: Conventions | None = None) -> Plan:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    named = conventions or Conventions()
    return plan_removal(root, scan(root, named, known={"k"}), Kept("k", "on", value=True), named)


def after(plan: Plan) -> dict[str, str]:
    return {each.path: each.after for each in plan.changes}


def test_an_import_that_another_file_takes_from_here_stays(tmp_path: Path) -> None:
    for taking in (
        "from shop.views import client\n",
        "from .views import (\n    other,\n    client,\n)\n",
        "from shop import views\nviews.client\n",
        "with patch('shop.views.client'): ...\n",
    ):
        plan = planned(tmp_path, {"shop/views.py": CALL, "shop/other.py": taking})
        assert after(plan) == {"shop/views.py": "from shop.flags import client\na()\n"}, taking
    plan = planned(tmp_path, {"shop/views.py": CALL, "shop/other.py": "from shop.flags import client\n"})
    assert after(plan) == {"shop/views.py": "a()\n"}


def test_imports_of_a_package_itself_stay(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"shop/__init__.py": CALL})
    assert after(plan) == {"shop/__init__.py": "from shop.flags import client\na()\n"}


def test_what_is_not_python_or_has_no_call_is_left_with_its_place(tmp_path: Path) -> None:
    files = {"a.py": CALL, "keys.py": "KEYS = {\n    'k': 1,\n}\n", "page.ts": "\nuseFlag('k')\n", "b.py": "'other'\n"}
    plan = planned(tmp_path, files)
    assert {(path, note.line, note.code) for path, notes in plan.notes.items() for note in notes} == {
        ("keys.py", 2, "'k': 1,")
    }
    assert [(each.file, each.line) for each in plan.left] == [("page.ts", 2)]
    assert plan.by_hand == 2


def test_constants_that_are_keys_are_left_and_told(tmp_path: Path) -> None:
    files = {"keys.py": "FLAG_K = 'k'\n", "a.py": "from keys import FLAG_K\nx = client.boolean(FLAG_K) or b()\n"}
    plan = planned(tmp_path, files, Conventions(constants=("FLAG_*",)))
    assert after(plan) == {"a.py": "x = True\n"}
    assert [note.code for note in plan.notes["keys.py"]] == ["FLAG_K = 'k'"]


def test_files_that_cannot_be_rewritten_are_named_if_they_have_the_key(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"x = '\xff'; client.boolean('k')\n")
    nested = "def outer():\n    if client.boolean('k'):\n        pass\n    else:\n        n = 1\n"
    nested += "    def inner():\n        nonlocal n\n        n = 2\n"
    files = {"no.py": "client.boolean('k'\n", "other.py": "client.boolean('x'\n", "nested.py": nested}
    plan = planned(tmp_path, files)
    assert plan.changes == ()
    assert plan.unread.keys() == {"latin.py", "no.py", "nested.py"}
    assert "no Python" in plan.unread["nested.py"]


def test_dynamic_calls_are_handed_on(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"a.py": "client.boolean(name)\n"})
    assert [each.call for each in plan.dynamic] == ["client.boolean(name)"]
    assert plan.by_hand == 0
