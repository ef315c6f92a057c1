"""The API reference as a page: what the OpenAPI document says, made readable."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


def tags(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations of each tag, in the order of the document."""
    operations: dict[str, list[dict[str, Any]]] = {}
    for path, of_path in document["paths"].items():
        for method, operation in of_path.items():
            if method == "get":
                operations.setdefault(operation["tags"][0], []).append(_operation(path, operation))
    return [
        {"name": tag["name"], "description": tag["description"], "operations": operations.get(tag["name"], [])}
        for tag in document["tags"]
    ]


def _operation(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "staff": {"staffToken": []} in operation.get("security", []) and {} not in operation["security"],
        "parameters": [
            {
                "name": parameter["name"],
                "description": parameter.get("description") or parameter.get("schema", {}).get("description", ""),
                "required": parameter.get("required", False),
            }
            for parameter in operation.get("parameters", [])
        ],
        "answers": [(status, HTTPStatus(int(status)).phrase) for status in operation["responses"]],
    }
