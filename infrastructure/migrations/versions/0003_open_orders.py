"""Expand: an index each for what waits now, among all that ever waited.

An agency's open orders are counted under its lock whenever one more comes, and a sealer that starts
looks for what was about to be signed: without these both go over years of rows.
"""

from infrastructure.migrations import concurrently, refuse_downgrade

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build both while the ledger is served."""
    # What an upgrade that was cut off left behind is invalid, and of no use.
    concurrently("DROP INDEX CONCURRENTLY IF EXISTS ledger.pending_open_by_agency")
    concurrently(
        "CREATE INDEX CONCURRENTLY pending_open_by_agency"
        " ON ledger.pending (agency, not_after) WHERE state = 'open'"
    )
    concurrently("DROP INDEX CONCURRENTLY IF EXISTS ledger.checkpoints_intended")
    concurrently(
        "CREATE INDEX CONCURRENTLY checkpoints_intended"
        " ON ledger.checkpoints (size) WHERE note IS NULL"
    )


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
