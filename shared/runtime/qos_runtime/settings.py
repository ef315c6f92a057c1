"""What every service is told by its environment: one frozen object, built in `__main__` and passed down."""

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from qos_runtime.errors import NotConfigured

DEFAULT_EVENT_TYPE_PREFIX = "jp.lg.tokyo.qos."


class RuntimeSettings(BaseSettings):
    """Settings that all services share; each service extends this with its own, under its own prefix.

    A field is read from the environment variable in its `validation_alias`, or given by its name in code (tests do).
    There is no default for an address or a secret: a missing one ends the start with a sentence that says so.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    kafka_bootstrap_servers: str = Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS", min_length=3)
    database_url: str = Field(validation_alias="DATABASE_URL", pattern=r"^postgres(ql)?://", repr=False)

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", validation_alias="KAFKA_SECURITY_PROTOCOL"
    )
    kafka_ca_file: str | None = Field(default=None, validation_alias="KAFKA_CA_FILE")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", validation_alias="KAFKA_SASL_MECHANISM"
    )
    kafka_sasl_username: str | None = Field(default=None, validation_alias="KAFKA_SASL_USERNAME")
    kafka_sasl_password: str | None = Field(default=None, validation_alias="KAFKA_SASL_PASSWORD", repr=False)

    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)] = Field(
        default="", validation_alias="QOS_TOPIC_PREFIX"
    )
    event_type_prefix: str = Field(default=DEFAULT_EVENT_TYPE_PREFIX, validation_alias="QOS_EVENT_TYPE_PREFIX")
    time_zone: str = Field(default="Asia/Tokyo", validation_alias="QOS_TIME_ZONE")
    calendar: str | None = Field(default=None, validation_alias="QOS_CALENDAR")
    criteria: str | None = Field(default=None, validation_alias="QOS_CRITERIA")
    partitions: Annotated[int, Field(ge=1, le=1024)] = Field(default=8, validation_alias="QOS_PARTITIONS")
    replication_factor: Annotated[int, Field(ge=1, le=9)] = Field(default=1, validation_alias="QOS_REPLICATION_FACTOR")
    consumer_group: str = Field(default="qos-processing", validation_alias="QOS_CONSUMER_GROUP", min_length=1)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", validation_alias="QOS_LOG_LEVEL")
    log_format: Literal["json", "console"] = Field(default="json", validation_alias="QOS_LOG_FORMAT")
    log_debug_seconds: Annotated[float, Field(ge=0)] = Field(default=900.0, validation_alias="QOS_LOG_DEBUG_SECONDS")
    """How long SIGUSR1 makes a running service log at DEBUG; 0: until SIGUSR2."""
    tracing: Literal["off", "otlp", "console"] = Field(default="off", validation_alias="QOS_TRACING")
    """Where spans go; the rest is in the variables OTEL_* of OpenTelemetry."""

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process. Raises NotConfigured for the first variable that is missing or unusable."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "environment"
            if name in cls.model_fields:
                name = cls._variable(name)
            remedy = f"set this environment variable ({first['msg']})"
            raise NotConfigured(setting=name, remedy=remedy) from None

    def as_environment(self) -> dict[str, str]:
        """The variables of which `from_environment`, in another process, makes the same settings. Holds secrets."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return {self._variable(name): str(value) for name, value in fields.items()}

    @classmethod
    def _variable(cls, field: str) -> str:
        alias = cls.model_fields[field].validation_alias
        return alias if isinstance(alias, str) else f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone such as Asia/Tokyo") from error
        return name

    @field_validator("event_type_prefix")
    @classmethod
    def _ends_in_a_dot(cls, prefix: str) -> str:
        if not prefix.endswith("."):
            raise ValueError("must end in a dot: jp.lg.tokyo.qos.")
        return prefix

    @model_validator(mode="after")
    def _sasl_has_credentials(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed with SASL")
        return self

    @property
    def min_insync_replicas(self) -> int:
        """One less than the replicas, so that one broker may be away; 1 where there is only one."""
        return max(1, self.replication_factor - 1)

    def topic(self, name: str) -> str:
        """The topic's name on the broker: `applications` -> `<prefix>applications`."""
        return f"{self.topic_prefix}{name}"
