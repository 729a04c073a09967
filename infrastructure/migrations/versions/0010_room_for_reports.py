"""Expand: reports about certificates have a room of their own, which no unknown code uses up."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and a procedure that the release before this one does not know."""
    execute_sql("0010_room_for_reports.sql")


def downgrade() -> None:
    """Refuse: a schema goes one way."""
    refuse_downgrade()
