"""The sealed private parts of signing keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    by_code_point = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "sealed_keys",
        sa.Column("key", by_code_point, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sealed_keys"),
    )
