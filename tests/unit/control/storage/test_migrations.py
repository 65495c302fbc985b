"""Migrations only add, so that servers of the version before go on beside those of this one: docs/how-to/upgrade.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.control.storage.migrations import versions

FOLDER = Path(versions.__file__).parent
CONTRACTIONS: dict[str, str] = {}
"""Migrations that drop what nobody uses any more, and the minor release that used it last: two before, or more."""
UNRELEASED_SINCE = 5
"""What came before was never run beside anything."""
ADDING = {"create_table", "create_index", "add_column", "execute", "bulk_insert", "get_bind", "batch_alter_table"}
FILES = sorted(file for file in FOLDER.glob("[0-9]*.py") if int(file.name[:4]) >= UNRELEASED_SINCE)


def objections(source: str) -> Iterator[str]:
    """Yield what in a migration the version before could not live with. What undoes it is not looked at."""
    tree = ast.parse(source)
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name != "downgrade"]:
        for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
            match call.func:
                case ast.Attribute(value=ast.Name(id="op" | "batch"), attr=name):
                    yield from _of(call, name)


def _of(call: ast.Call, name: str) -> Iterator[str]:
    if name not in ADDING:
        yield f"line {call.lineno}: op.{name} changes what the version before reads or writes"
    elif name == "execute":
        words = " ".join(
            node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if not words.upper().startswith("INSERT INTO "):
            yield f"line {call.lineno}: op.execute({words[:40]!r}) may change what the version before reads"
    elif name == "add_column":
        column = next(node for node in call.args if isinstance(node, ast.Call))
        said = {keyword.arg: keyword.value for keyword in column.keywords}
        is_filled = "server_default" in said
        nullable = said.get("nullable")
        if not is_filled and not (isinstance(nullable, ast.Constant) and nullable.value is True):
            yield f"line {call.lineno}: the version before cannot fill a column that is not null and has no default"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_migration_only_adds(file: Path) -> None:
    found = list(objections(file.read_text("utf-8")))
    assert not found or file.stem in CONTRACTIONS, found


def test_there_are_migrations_to_look_at() -> None:
    assert FILES
    assert set(CONTRACTIONS) <= {file.stem for file in FILES}


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_table("items")',
        'op.drop_column("items", "text")',
        'op.alter_column("items", "text", nullable=False)',
        'op.rename_table("items", "things")',
        'op.execute("UPDATE items SET version = 1")',
        'op.add_column("items", sa.Column("owner", sa.String(), nullable=False))',
        'op.add_column("items", sa.Column("owner", sa.String()))',
    ],
)
def test_what_the_version_before_could_not_live_with_is_found(line: str) -> None:
    assert list(objections(f"def upgrade():\n    {line}\n"))
    assert list(objections(f"def upgrade():\n    _rest()\n\ndef _rest():\n    {line}\n"))
    assert not list(objections(f"def downgrade():\n    {line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        'op.create_table("owners", sa.Column("key", sa.String(), nullable=False))',
        'op.add_column("items", sa.Column("owner", sa.String(), nullable=True))',
        'op.add_column("items", sa.Column("owner", sa.String(), nullable=False, server_default=""))',
        'op.execute("INSERT INTO owners SELECT key FROM items")',
    ],
)
def test_what_only_adds_is_let_pass(line: str) -> None:
    assert not list(objections(f"def upgrade():\n    {line}\n"))
