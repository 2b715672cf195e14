"""What alembic runs to run migrations: all of them in the transaction that ``migrate.py`` hands in."""

from alembic import context

from geminid.storage.sql.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
