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
    op.create_table(
        "external_events",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("project", _KEY, nullable=False),
        sa.Column("environment", _KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_external_events"),
    )
    op.create_index("ix_external_events_project_at", "external_events", ["project", "at"])
