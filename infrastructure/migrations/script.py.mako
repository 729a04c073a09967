"""${message}."""

from infrastructure.migrations import execute_sql, refuse_downgrade

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Runs the SQL beside this file."""
    execute_sql(f"{revision}.sql")


def downgrade() -> None:
    """Refuses."""
    refuse_downgrade()
