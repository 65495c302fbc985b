"""What a team needs beside its changes: what is delivered, heard of other systems, seen of contexts and of code."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("sessions", sa.Column("how", sa.String(), nullable=True))
    op.create_table(
        "external_events",
        sa.Column("project", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project", "key", name="pk_external_events"),
    )
    op.create_index("ix_external_events_project_revision", "external_events", ["project", "revision"], unique=True)
    op.create_index("ix_external_events_project_at", "external_events", ["project", "at"])
    op.create_table(
        "external_heads",
        sa.Column("project", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_external_heads"),
    )
    _make_webhooks()
    _make_lifecycle()
    _make_samples()
    op.create_table(
        "schemas",
        sa.Column("schema", sa.String(32), nullable=False),
        sa.Column("oldest", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("schema", name="pk_schemas"),
    )
    op.execute("INSERT INTO schemas (schema, oldest) VALUES ('0005', '0005')")


def _make_lifecycle() -> None:
    op.create_table(
        "evaluation_spans",
        sa.Column("environment", _KEY, nullable=False),
        sa.Column("flag", _KEY, nullable=False),
        sa.Column("variation", _KEY, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "flag", "variation", name="pk_evaluation_spans"),
    )
    op.execute(
        "INSERT INTO evaluation_spans (environment, flag, variation, first, last)"
        " SELECT environment, flag, variation, min(hour), max(hour) FROM evaluation_counts"
        " GROUP BY environment, flag, variation"
    )
    op.create_table(
        "code_reports",
        sa.Column("project", _KEY, nullable=False),
        sa.Column("repository", _KEY, nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("scanned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "repository", name="pk_code_reports"),
    )
    op.create_table(
        "code_references",
        sa.Column("project", _KEY, nullable=False),
        sa.Column("flag", _KEY, nullable=False),
        sa.Column("repository", _KEY, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project", "flag", "repository", name="pk_code_references"),
    )
    op.create_index("ix_code_references_project_repository", "code_references", ["project", "repository"])


def _make_webhooks() -> None:
    op.create_table(
        "webhook_cursors",
        sa.Column("log", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_webhook_cursors"),
    )
    op.create_table(
        "webhook_lines",
        sa.Column("line", _KEY, nullable=False),
        sa.Column("owner", _KEY, nullable=False),
        sa.Column("webhook", _KEY, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.Column("claimant", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("line", name="pk_webhook_lines"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("line", _KEY, nullable=False),
        sa.Column("source", _KEY, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("line", "source", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_id", "webhook_deliveries", ["id"], unique=True)
    op.create_index("ix_webhook_deliveries_state_due_at", "webhook_deliveries", ["state", "due_at"])
    op.create_index("ix_webhook_deliveries_line_created_at", "webhook_deliveries", ["line", "created_at"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])


def _make_samples() -> None:
    op.add_column("instances", sa.Column("sdk", sa.String(), nullable=True))
    op.create_table(
        "sampled_contexts",
        sa.Column("environment", _KEY, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("priority", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "hour", "priority", name="pk_sampled_contexts"),
    )
    op.create_index("ix_sampled_contexts_environment_priority", "sampled_contexts", ["environment", "priority"])
    op.create_index("ix_sampled_contexts_hour", "sampled_contexts", ["hour"])
