"""Expand: attachments, which lie outside the log: uploads, keys, and what binds them."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and procedures that the release before this one does not know."""
    execute_sql("0005_attachments.sql")


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
