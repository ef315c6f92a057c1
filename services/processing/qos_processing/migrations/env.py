"""How alembic runs the versions: on the connection that `qos_processing.migrate` hands over.

Each in a transaction of its own, which is over before the next one begins: no lock is held for another one's work.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
