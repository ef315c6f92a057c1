"""Take the JSON schemas of custom resources out of their definitions, strict and without descriptions.

    python deploy/k8s/schemas/take.py DEFINITION.yaml ... KIND.json ...

A YAML file holds CustomResourceDefinitions; each version that is served gives `<group>_<version>_<Kind>.json`.
A JSON file named `<group>_<version>_<Kind>.spec.json` holds the schema of a kind's `spec` alone. README.md says where
they come from.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
# Said for people, or for the API server's own checks, which a JSON schema can't say.
_LEFT_OUT = ("description", "example", "externalDocs", "nullable", "$schema", "definitions")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without descriptions; an object takes no property that it doesn't name."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    taken: dict[str, Any] = {}
    for name, part in schema.items():
        if name in _LEFT_OUT or name.startswith("x-kubernetes-"):
            continue
        if name == "properties":
            taken[name] = {key: strict(each) for key, each in part.items()}
        elif name == "pattern" and "(?i)" in part:
            taken[name] = "(?i)" + part.replace("(?i)", "")  # Go takes it anywhere, others at the beginning only
        else:
            taken[name] = strict(part) if isinstance(part, dict) else part
    if "properties" in taken and not schema.get("x-kubernetes-preserve-unknown-fields"):
        taken.setdefault("additionalProperties", False)
    if schema.get("nullable") and isinstance(taken.get("type"), str):
        taken["type"] = [taken["type"], "null"]
    return taken


def resource(group: str, version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The schema of a whole resource, as one writes it: without a status."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "apiVersion": {"const": f"{group}/{version}"},
            "kind": {"const": kind},
            "metadata": {"type": "object"},
            "spec": strict(spec),
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
    }


def found_in(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of a file, with the name to keep it under."""
    if path.suffix == ".json":
        name = path.name.removesuffix(".spec.json")
        group, version, kind = name.split("_")
        yield name, resource(group, version, kind, json.loads(path.read_text("utf-8")))
        return
    for definition in yaml.safe_load_all(path.read_text("utf-8")):
        group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
        for version in definition["spec"]["versions"]:
            if version["served"]:
                schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
                yield f"{group}_{version['name']}_{kind}", resource(group, version["name"], kind, schema)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for name, schema in found_in(Path(argument)):
            text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
            (HERE / f"{name}.json").write_text(f"{text}\n", "utf-8")
