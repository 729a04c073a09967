"""The log, the vault, pending orders, checkpoints and leases, and the one road into the log."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schemas and install `ledger.append`."""
    execute_sql("0001_log_and_vault.sql")
    execute_sql("../../log/append.sql")


def downgrade() -> None:
    """Refuse: recorded is final."""
    refuse_downgrade()
