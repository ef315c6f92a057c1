"""What a worker is told by its environment."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from qos_runtime.settings import RuntimeSettings


class ProcessingSettings(RuntimeSettings):
    """A worker's own settings: environment variables QOS_PROCESSING_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="QOS_PROCESSING_")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8082

    batch_records: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    """The most records of one partition in one batch."""
    records_under_way: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    """The most records fetched and not yet committed, in all partitions of the worker: bounds its memory."""
    bytes_under_way: Annotated[int, Field(ge=1_048_576)] = 67_108_864
    """The same in bytes, uncompressed. One poll may bring more, when large records follow small ones."""
    transactions_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """How many partition numbers are worked on at the same time, each in a transaction of its own."""
    fetch_bytes: Annotated[int, Field(ge=1_048_576)] = 1_048_576
    """The most bytes of one partition in one fetch, as the log has them (compressed)."""
    prefetch_bytes: Annotated[int, Field(ge=1_048_576)] = 67_108_864
    """The most bytes that wait in the client for their turn, of all partitions together: each gets an equal share of it
    in a fetch. A batch of the log that is larger than the share is fetched all the same."""
    fetch_wait_ms: Annotated[int, Field(ge=1, le=5_000)] = 100
    """How long the broker holds a fetch that has nothing to bring: a partition that was left out waits that long."""

    offset_lookup_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How long an assignment may wait for PostgreSQL to say where to start; then the worker ends."""
    finish_seconds: Annotated[float, Field(gt=0)] = 8.0
    """How long a rebalance or a stop waits for the batch being worked on; less than the session timeout."""
    session_timeout_seconds: Annotated[float, Field(ge=6)] = 10.0
    request_timeout_seconds: Annotated[float, Field(ge=10)] = 60.0
    commit_interval_seconds: Annotated[float, Field(gt=0)] = 2.0
    """How often Kafka is told how far PostgreSQL is; nothing but displays depends on it."""
    stop_seconds: Annotated[float, Field(gt=0)] = 20.0
    """How long a stop may take before the process is cut off."""
    behind_seconds: Annotated[float, Field(gt=0)] = 900.0
    """Records that wait for longer make the worker report itself as degraded: figures are stale (15 minutes)."""
    stuck_seconds: Annotated[float, Field(gt=0)] = 120.0
    """A batch worked on for longer makes the worker report itself as not alive."""

    dead_letter_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """More than this share of the records of a window dead: the worker ends rather than bury the world."""
    dead_letter_window: Annotated[int, Field(ge=100)] = 5_000

    database_patience_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How long a transaction is tried again while PostgreSQL is away; then the worker ends."""
    database_pool_size: Annotated[int, Field(ge=2, le=100)] = 8

    sla_results_scope_limit: Annotated[int, Field(ge=1, le=10_000)] = 500
    """How many procedures and organisations the counter of noticed results tells apart; further ones count as one."""

    @model_validator(mode="after")
    def _timeouts_fit(self) -> Self:
        if self.finish_seconds >= self.session_timeout_seconds:
            raise ValueError("finish_seconds must be less than session_timeout_seconds")
        if self.request_timeout_seconds <= self.offset_lookup_seconds:
            raise ValueError("request_timeout_seconds must be more than offset_lookup_seconds")
        return self
