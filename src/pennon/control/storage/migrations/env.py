"""Alembic's entry: runs the migrations in the transaction that it is given. It opens no database itself."""

from alembic import context

from pennon.control.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
