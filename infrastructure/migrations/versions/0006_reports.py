"""Expand: what anybody reports about papers that look forged, beside the log."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table and a procedure that the release before this one does not know."""
    execute_sql("0006_reports.sql")


def downgrade() -> None:
    """Refuse: reports would be lost."""
    refuse_downgrade()
