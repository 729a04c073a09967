"""Expand: keys of closed orders that a restore brings back are destroyed with those of records."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace a function that the release before this one calls in the same way."""
    execute_sql("0009_restored_keys.sql")


def downgrade() -> None:
    """Refuse: a schema goes one way."""
    refuse_downgrade()
