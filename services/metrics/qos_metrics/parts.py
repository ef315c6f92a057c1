"""What the routes work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qos_metrics.access import Gate
from qos_metrics.postgres_publications import PostgresPublications
from qos_metrics.service import MetricsService
from qos_metrics.stream import Hub

if TYPE_CHECKING:
    from prometheus_client import Histogram

    from qos_metrics.settings import MetricsSettings
    from qos_runtime.health import Health
    from qos_runtime.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Parts:
    settings: "MetricsSettings"
    service: MetricsService
    publications: PostgresPublications
    gate: Gate
    hub: Hub
    following: Callable[[], bool]
    health: "Health"
    request_seconds: "Histogram"
    exposition: Callable[[], Awaitable[bytes]]
    tracing: "Tracing"
