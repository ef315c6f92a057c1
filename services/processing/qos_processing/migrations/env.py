"""How alembic runs the versions: on the connection that `qos_processing.migrate` hands over, in one transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
