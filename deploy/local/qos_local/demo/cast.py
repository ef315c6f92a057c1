"""The services of a demonstration and what each is told."""

from dataclasses import dataclass

from qos_local.demo.ground import Ground
from qos_local.demo.services import Service
from qos_local.stack.processes import choose_port


@dataclass(frozen=True, slots=True)
class Cast:
    intake: Service
    workers: tuple[Service, ...]
    metrics: Service

    @property
    def all(self) -> tuple[Service, ...]:
        """In the order in which they are stopped: first what takes events in, last what shows them."""
        return (self.intake, *self.workers, self.metrics)


def cast(ground: Ground, workers: int) -> Cast:
    """The three services, processing so many times, on the usual ports where these are free."""
    intake_port, metrics_port = choose_port(8081), choose_port(8083)
    shared = ground.environment()
    return Cast(
        intake=Service(
            "intake",
            "qos_intake",
            intake_port,
            {**shared, "QOS_INTAKE_PORT": str(intake_port), "QOS_INTAKE_SOURCES_FILE": str(ground.sources_file)},
        ),
        workers=tuple(_worker(number, shared) for number in range(1, workers + 1)),
        metrics=Service(
            "metrics",
            "qos_metrics",
            metrics_port,
            # On a machine of one's own everybody is staff.
            {**shared, "QOS_METRICS_PORT": str(metrics_port), "QOS_METRICS_STAFF_OPEN": "true"},
        ),
    )


def _worker(number: int, shared: dict[str, str]) -> Service:
    port = choose_port(8082) if number == 1 else choose_port()
    return Service(f"processing-{number}", "qos_processing", port, {**shared, "QOS_PROCESSING_PORT": str(port)})
