"""What OpenAPI says beyond the routes themselves."""

from typing import Any

from fastapi import FastAPI

from qos_metrics.models import MapEntry
from qos_metrics.problems import Problem

DESCRIPTION = """
Indicators and QOS levels of administrative procedures, live from events.

Every answer says `as_of` (the local date it is of), its `window` where it has one, and how fresh its data is. A share
stands with its numerator and denominator, and is null where the denominator is 0. What is public is rounded, and
withheld where cases are few; staff see exact figures (`audience=staff` with the staff token). Errors are problem
details (RFC 9457).
"""
TAGS = [
    {"name": "indicators", "description": "Figures over a window of days, as of a day."},
    {"name": "levels", "description": "QOS levels, as declared and as shown by evidence, and the quality map."},
    {"name": "registry", "description": "Procedures and organisations."},
    {"name": "publications", "description": "What was published of each month, and what is restated of it."},
    {"name": "cases", "description": "Single cases, for staff."},
    {"name": "stream", "description": "Server-sent events."},
    {"name": "operations", "description": "Health and metrics of the service."},
]


def install(app: FastAPI) -> None:
    """Adds the schemas that routes refer to by name, and the staff token."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        document = made()
        if fresh:
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            for model in (Problem, MapEntry):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                for name, definition in schema.pop("$defs", {}).items():
                    schemas.setdefault(name, definition)
                schemas[model.__name__] = schema
            components["securitySchemes"] = {"staffToken": {"type": "http", "scheme": "bearer"}}
            _drop_default_validation_answers(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _drop_default_validation_answers(document: dict[str, Any]) -> None:
    """FastAPI documents 422 with a body that is never sent: ours are problems."""
    for path in document["paths"].values():
        for operation in path.values():
            answers = operation.get("responses", {})
            if "HTTPValidationError" in str(answers.get("422", "")):
                del answers["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
