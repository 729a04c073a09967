"""Expand: which chunk an object is, asked of every object that a sweep of the store finds."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index that the release before this one does not mind."""
    execute_sql("0008_chunks_by_name.sql")


def downgrade() -> None:
    """Refuse: a schema goes one way."""
    refuse_downgrade()
