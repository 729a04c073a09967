"""Expand: an upload that is let go takes the claim that would have bound it."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace a procedure by one that the release before this one may call as well."""
    execute_sql("0007_dropped_uploads.sql")


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
