"""What intake is told by its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from qos_domain.acceptance import AcceptanceRules
from qos_runtime.settings import RuntimeSettings


class IntakeSettings(RuntimeSettings):
    """Intake's own settings: environment variables QOS_INTAKE_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="QOS_INTAKE_")

    database_url: str = Field(default="", validation_alias="DATABASE_URL", repr=False)
    """Not used: intake has no database, and should not hold a credential of one."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8081
    sources_file: Path
    """The TOML file of the sources and the hashes of their keys (docs/events.md, Sources)."""
    group: Annotated[str, Field(min_length=1)] = "qos-intake"
    """The consumer group of the inbox relay."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 5_000_000
    max_csv_bytes: Annotated[int, Field(ge=1024)] = 32_000_000
    """A CSV is read as it comes, row by row: only its answers are kept."""
    max_batch_events: Annotated[int, Field(ge=1)] = 5_000
    max_in_flight_bytes: Annotated[int, Field(ge=1024)] = 64_000_000
    """The most bytes of bodies held at once; a request beyond it is told to come again."""
    max_future_seconds: Annotated[int, Field(ge=0)] = 300
    max_age_days: Annotated[int, Field(ge=1)] = 400
    """How old an event of a case may be, unless its source says otherwise."""
    body_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long the next part of a body may take to come."""
    publish_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long Kafka may take to acknowledge; then the answer is 503."""
    stop_seconds: Annotated[int, Field(ge=1)] = 20
    """How long a stop waits for requests under way."""

    @property
    def rules(self) -> AcceptanceRules:
        return AcceptanceRules(
            type_prefix=self.event_type_prefix, max_future=timedelta(seconds=self.max_future_seconds)
        )
