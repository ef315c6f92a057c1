"""What the metrics service is told by its environment."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from qos_runtime.settings import RuntimeSettings


class MetricsSettings(RuntimeSettings):
    """Settings of the read side; the shared ones are in `RuntimeSettings`.

    Staff see exact figures and single cases. Who is staff must be said: by the SHA-256 of a bearer token or, on a
    machine of one's own, by opening the staff form to everybody. Without either the service refuses to start.
    """

    host: str = Field(default="127.0.0.1", validation_alias="QOS_METRICS_HOST")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(default=8083, validation_alias="QOS_METRICS_PORT")

    staff_token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, validation_alias="QOS_METRICS_STAFF_TOKEN_SHA256", repr=False
    )
    staff_open: bool = Field(default=False, validation_alias="QOS_METRICS_STAFF_OPEN")

    stop_seconds: Annotated[int, Field(ge=1, le=300)] = Field(default=10, validation_alias="QOS_METRICS_STOP_SECONDS")

    pool_size: Annotated[int, Field(ge=2, le=100)] = Field(default=8, validation_alias="QOS_METRICS_POOL_SIZE")
    statement_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=15.0, validation_alias="QOS_METRICS_STATEMENT_TIMEOUT_SECONDS"
    )
    # Sums over an organisation or over all are the same for every reader for this long.
    cache_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        default=5.0, validation_alias="QOS_METRICS_CACHE_SECONDS"
    )
    stale_after_seconds: Annotated[float, Field(gt=0)] = Field(
        default=900.0, validation_alias="QOS_METRICS_STALE_AFTER_SECONDS"
    )

    gauges_every_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=5.0, validation_alias="QOS_METRICS_GAUGES_EVERY_SECONDS"
    )
    gauges_scope_limit: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=500, validation_alias="QOS_METRICS_GAUGES_SCOPE_LIMIT"
    )

    stream_clients: Annotated[int, Field(ge=1)] = Field(default=500, validation_alias="QOS_METRICS_STREAM_CLIENTS")
    stream_queue: Annotated[int, Field(ge=1)] = Field(default=1_000, validation_alias="QOS_METRICS_STREAM_QUEUE")
    stream_past_messages: Annotated[int, Field(ge=0)] = Field(
        default=20_000, validation_alias="QOS_METRICS_STREAM_PAST_MESSAGES"
    )
    stream_past_seconds: Annotated[float, Field(ge=0)] = Field(
        default=900.0, validation_alias="QOS_METRICS_STREAM_PAST_SECONDS"
    )
    stream_heartbeat_seconds: Annotated[float, Field(gt=0)] = Field(
        default=15.0, validation_alias="QOS_METRICS_STREAM_HEARTBEAT_SECONDS"
    )

    @model_validator(mode="after")
    def _says_who_is_staff(self) -> Self:
        if self.staff_token_sha256 is None and not self.staff_open:
            raise ValueError(
                "set QOS_METRICS_STAFF_TOKEN_SHA256 to the SHA-256 of the staff token, "
                "or QOS_METRICS_STAFF_OPEN=true on a machine of your own"
            )
        if self.staff_token_sha256 is not None and self.staff_open:
            raise ValueError("QOS_METRICS_STAFF_TOKEN_SHA256 and QOS_METRICS_STAFF_OPEN=true exclude each other")
        return self
