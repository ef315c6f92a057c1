"""What a verification is told by its environment."""

from pydantic import Field

from qos_runtime.settings import RuntimeSettings


class VerifySettings(RuntimeSettings):
    """The shared settings; Kafka is asked for only when the tables are compared with the log."""

    kafka_bootstrap_servers: str = Field(default="", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
