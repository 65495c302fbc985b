"""What Alembic needs to bring a database to the schema of this version."""
