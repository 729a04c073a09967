"""What Alembic runs to reach the database; the decisions are in the package's `installation`."""

from alembic import context

from infrastructure.migrations import VERSION_SCHEMA, installation

with installation(context.config.attributes.get("admin_url")) as connection:
    context.configure(
        connection=connection,
        version_table_schema=VERSION_SCHEMA,
        # What is built concurrently is built outside of transactions, and so between two of them.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
