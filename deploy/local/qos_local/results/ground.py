"""The broker and the database that a command works on: those of the environment, else the local stack's."""

from qos_local.stack.commands import addresses_in_use
from qos_runtime.settings import RuntimeSettings


def settings_in_use() -> RuntimeSettings:
    """Their settings, with the rest from the environment. Raises StackFailed when no stack runs."""
    addresses = addresses_in_use()
    return RuntimeSettings(
        kafka_bootstrap_servers=addresses.kafka_bootstrap_servers, database_url=addresses.database_url
    )
