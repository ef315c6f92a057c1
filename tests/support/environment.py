"""The environment variables that the services read: what deployments may set, as the code has it."""

from collections.abc import Mapping
from types import MappingProxyType

from qos_intake.settings import IntakeSettings
from qos_metrics.settings import MetricsSettings
from qos_processing.settings import ProcessingSettings
from qos_runtime.settings import RuntimeSettings

SETTINGS: Mapping[str, type[RuntimeSettings]] = MappingProxyType(
    {"intake": IntakeSettings, "processing": ProcessingSettings, "metrics": MetricsSettings}
)


def variables(service: str) -> frozenset[str]:
    """Every variable that the service reads."""
    settings = SETTINGS[service]
    return frozenset(settings._variable(field) for field in settings.model_fields)


def required(service: str) -> frozenset[str]:
    """Those without which it doesn't start."""
    settings = SETTINGS[service]
    return frozenset(settings._variable(name) for name, field in settings.model_fields.items() if field.is_required())


def usual_port(service: str) -> int:
    """The port that it listens on when it isn't told another."""
    port: int = SETTINGS[service].model_fields["port"].default
    return port
