"""What nodes of the tree report of themselves, and when changes arrived there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "edge_nodes",
        _text_key("environment"),
        _text_key("node"),
        _text_key("writer"),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "node", "writer", name="pk_edge_nodes"),
    )
    op.create_index("ix_edge_nodes_heard_at", "edge_nodes", ["heard_at"])
    op.create_table(
        "arrivals",
        _text_key("environment"),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        _text_key("writer"),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("delays", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "epoch", "revision", "writer", name="pk_arrivals"),
    )
    op.create_index("ix_arrivals_at", "arrivals", ["at"])


def _text_key(name: str) -> sa.Column[str]:
    by_code_point = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, by_code_point, nullable=False)
