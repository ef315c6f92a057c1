"""The manifests of deploy/k8s as a cluster gets them: rendered, and looked up by kind and name."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from support.manifest_tools import ROOT, ManifestTools

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production")
# The oldest that docs/kubernetes.md promises, and the newest that the validator knows.
VERSIONS = ("1.34", "1.37")
_WITH_PODS = ("Deployment", "StatefulSet", "Job", "CronJob")


@dataclass(frozen=True)
class Pod:
    """The pods of one Deployment, StatefulSet, Job or CronJob: they have one container each."""

    owner: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.owner["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self._template["metadata"]["labels"])

    @property
    def spec(self) -> Mapping[str, Any]:
        return dict(self._template["spec"])

    @property
    def _template(self) -> Mapping[str, Any]:
        spec = self.owner["spec"]["jobTemplate"]["spec"] if self.owner["kind"] == "CronJob" else self.owner["spec"]
        return dict(spec["template"])

    @property
    def container(self) -> Mapping[str, Any]:
        [container] = self.spec["containers"]
        return dict(container)

    @property
    def ports(self) -> Mapping[str, int]:
        """By name."""
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def env(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The variables that the container itself sets, with `value` or `valueFrom`."""
        yield from ((variable["name"], variable) for variable in self.container.get("env", []))


@dataclass(frozen=True)
class Manifests:
    """All resources of one overlay."""

    overlay: str
    text: str

    @cached_property
    def all(self) -> list[dict[str, Any]]:
        return list(yaml.load_all(self.text, Loader=yaml.CSafeLoader))

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [resource for resource in self.all if resource["kind"] in kinds]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """Raises AssertionError unless there is exactly one. A generated name may lack its hash."""
        found = [
            resource
            for resource in self.of(kind)
            if resource["metadata"]["name"] == name
            or (kind == "ConfigMap" and resource["metadata"]["name"].rpartition("-")[0] == name)
        ]
        assert len(found) == 1, f"{self.overlay}: {len(found)} of {kind} {name}"
        return found[0]

    @property
    def pods(self) -> list[Pod]:
        return [Pod(owner) for owner in self.of(*_WITH_PODS)]

    def pod(self, name: str) -> Pod:
        [pod] = [pod for pod in self.pods if pod.name == name]
        return pod

    def environment(self, pod: Pod) -> dict[str, str]:
        """The variables that the pod's process gets. What a Secret holds is given as `<secret>/<key>`."""
        found: dict[str, str] = {}
        for source in pod.container.get("envFrom", []):
            found |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for name, variable in pod.env:
            if "value" in variable:
                found[name] = variable["value"]
            else:
                secret = variable["valueFrom"]["secretKeyRef"]
                found[name] = f"{secret['name']}/{secret['key']}"
        return found


def validate(resource: Mapping[str, Any]) -> None:
    """Raises jsonschema.ValidationError where the resource isn't what its kind's schema says, or says more."""
    group, _, version = resource["apiVersion"].rpartition("/")
    schema = K8S / "schemas" / f"{group}_{version}_{resource['kind']}.json"
    if schema.exists():
        jsonschema.validate(resource, json.loads(schema.read_text("utf-8")), jsonschema.Draft7Validator)
        return
    for known in VERSIONS:
        kubernetes_validate.validate(resource, known, strict=True)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels and matchExpressions with In) selects these labels; {} selects all."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}, selector
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _manifests(tools: ManifestTools, overlay: str) -> Manifests:
    return Manifests(overlay, tools.render(K8S / "overlays" / overlay))


@pytest.fixture(scope="session")
def local(manifest_tools: ManifestTools) -> Manifests:
    return _manifests(manifest_tools, "local")


@pytest.fixture(scope="session")
def production(manifest_tools: ManifestTools) -> Manifests:
    return _manifests(manifest_tools, "production")


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, local: Manifests, production: Manifests) -> Manifests:
    """Each overlay in turn."""
    return local if request.param == "local" else production
