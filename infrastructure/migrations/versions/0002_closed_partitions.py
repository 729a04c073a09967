"""Expand: closed partitions are frozen once; a closed order holds no values from now on."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the release before this one neither uses nor minds."""
    execute_sql("0002_closed_partitions.sql")
    # Last, because its lock is held until the revision is over.
    execute_sql("0002_closed_orders.sql")


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
