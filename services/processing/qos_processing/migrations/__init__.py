"""The database's history as plain SQL (alembic). `python -m qos_processing.migrate` brings a database up to date."""
