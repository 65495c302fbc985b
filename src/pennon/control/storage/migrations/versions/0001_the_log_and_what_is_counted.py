"""The change log, its items, and what is kept beside it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make all tables."""
    _make_log()
    _make_items()
    _make_commands()
    _make_counts()


def _make_log() -> None:
    op.create_table(
        "heads",
        _text_key("log"),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_heads"),
    )
    op.create_table(
        "changes",
        _text_key("log"),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "revision", name="pk_changes"),
    )
    op.create_index("ix_changes_log_at", "changes", ["log", "at"])
    op.create_index("ix_changes_change_id", "changes", ["change_id"])
    op.create_table(
        "touched",
        _text_key("log"),
        _text_key("kind"),
        _text_key("key"),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("log", "kind", "key", "revision", name="pk_touched"),
    )


def _make_items() -> None:
    op.create_table(
        "items",
        _text_key("log"),
        _text_key("kind"),
        _text_key("key"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("log", "kind", "key", name="pk_items"),
    )


def _make_commands() -> None:
    op.create_table(
        "commands",
        _text_key("actor"),
        _text_key("key"),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name="pk_commands"),
    )
    op.create_index("ix_commands_at", "commands", ["at"])
    op.create_table(
        "last_used",
        _text_key("key"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_last_used"),
    )


def _make_counts() -> None:
    op.create_table(
        "evaluation_counts",
        _text_key("environment"),
        _text_key("flag"),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        _text_key("variation"),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "flag", "hour", "variation", name="pk_evaluation_counts"),
    )
    op.create_index("ix_evaluation_counts_environment_hour", "evaluation_counts", ["environment", "hour"])
    op.create_table(
        "instances",
        _text_key("environment"),
        _text_key("key"),
        _text_key("instance"),
        sa.Column("counted", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "key", "instance", name="pk_instances"),
    )
    op.create_index("ix_instances_at", "instances", ["at"])


def _text_key(name: str) -> sa.Column[str]:
    by_code_point = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, by_code_point, nullable=False)
