"""The JSON Schemas of the events, as emitters get them."""

from typing import Any

from qos_domain.acceptance import AcceptanceRules, dataschema
from qos_domain.events import EVENT_TYPES, payload_schema
from qos_domain.upcasting import current_version

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_list(rules: AcceptanceRules) -> dict[str, Any]:
    """Every type: its short name, its name on the wire, its topic, and where its schema is."""
    return {
        "types": [
            {
                "type": name,
                "wire_type": f"{rules.type_prefix}{name}.v{current_version(name)}",
                "dataschema": dataschema(name, current_version(name)),
                "topic": topic,
                "schema": f"/v1/schemas/{name}",
            }
            for name, (topic, _) in EVENT_TYPES.items()
        ]
    }


def data_schema(name: str, rules: AcceptanceRules) -> dict[str, Any] | None:
    """The JSON Schema (2020-12) of the `data` of a type, by its short name or its name on the wire."""
    short = name.removeprefix(rules.type_prefix)
    if short not in EVENT_TYPES:
        stem, _, version = short.rpartition(".v")
        if stem not in EVENT_TYPES or version != str(current_version(stem)):
            return None
        short = stem
    return {"$schema": DIALECT, "$id": dataschema(short, current_version(short)), **payload_schema(short)}
