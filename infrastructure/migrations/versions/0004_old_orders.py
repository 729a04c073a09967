"""Contract: the index that 0003 replaced goes, and old rows are held to the rule of 0002."""

from infrastructure.migrations import concurrently, refuse_downgrade

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take away what the release before this one does not need to answer rightly."""
    concurrently("ALTER TABLE ledger.pending VALIDATE CONSTRAINT closed_holds_nothing")
    concurrently("DROP INDEX CONCURRENTLY IF EXISTS ledger.pending_open")


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
