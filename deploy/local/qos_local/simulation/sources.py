"""The systems that emit the simulated events: each is a CloudEvents `source` with ids of its own."""

from typing import Final, TypedDict

E_APPLICATION: Final = "tokyo/e-application"
OFFICE: Final = "tokyo/office-system"
CALL_CENTRE: Final = "tokyo/call-centre"
REGISTRY: Final = "tokyo/procedure-registry"

SOURCES: Final = (E_APPLICATION, OFFICE, CALL_CENTRE, REGISTRY)


class CaseIds(TypedDict):
    """What every event of an application names."""

    procedure_id: str
    application_id: str
