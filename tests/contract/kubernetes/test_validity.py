"""Each document that an overlay renders to is one that a cluster takes, says nothing unknown, and keeps policies."""

import copy
import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from support.manifest_tools import ROOT, ManifestTools
from support.manifests import Manifests, validate

# The first test of a run may have to build kustomize.
pytestmark = pytest.mark.timeout(900)


def test_every_document_is_what_its_schema_says(manifests: Manifests) -> None:
    for resource in manifests.all:
        try:
            validate(resource)
        except jsonschema.ValidationError as error:
            name = f"{resource['kind']} {resource['metadata']['name']}"
            pytest.fail(f"{manifests.overlay}: {name}: {error.json_path}: {error.message}")


def test_a_misspelt_field_of_any_kind_is_found(manifests: Manifests) -> None:
    for resource in manifests.all:
        misspelt = copy.deepcopy(resource)
        misspelt.setdefault("spec", {})["replicaz"] = 3
        with pytest.raises(jsonschema.ValidationError):
            validate(misspelt)


def test_a_kind_of_which_no_schema_is_known_is_found() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        validate({"apiVersion": "example.org/v1", "kind": "Wish", "metadata": {"name": "more"}})


def test_the_policies_hold_and_a_careless_pod_is_found(
    manifest_tools: ManifestTools, local: Manifests, production: Manifests, tmp_path: Path
) -> None:
    careless = copy.deepcopy(production.one("Deployment", "qos-intake"))
    del careless["spec"]["template"]["spec"]["securityContext"]
    del careless["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    texts = {"local.yaml": local.text, "production.yaml": production.text, "careless.yaml": json.dumps(careless)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = manifest_tools.check_policies([tmp_path / name for name in texts])
    assert found["local.yaml"] == []
    assert found["production.yaml"] == []
    for rule in ("read-only filesystem", "allowPrivilegeEscalation", "admission of root containers", "seccomp"):
        assert any(rule in finding for finding in found["careless.yaml"]), rule


def test_every_waiver_says_why(manifests: Manifests) -> None:
    waivers = [
        waiver
        for resource in manifests.all
        for name, waiver in resource["metadata"].get("annotations", {}).items()
        if name.startswith("checkov.io/skip")
    ]
    assert all(len(waiver.partition("=")[2]) > 10 for waiver in waivers), waivers


def test_an_image_is_named_by_its_version(manifests: Manifests) -> None:
    for pod in manifests.pods:
        name, _, version = pod.container["image"].partition("@")[0].rpartition(":")
        assert name, pod.name
        assert version not in ("", "latest"), pod.name


def test_one_s_own_machine_has_the_stores_of_docker_compose(local: Manifests) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    for name in ("kafka", "postgres"):
        assert local.pod(f"qos-{name}").container["image"] == services[name]["image"]


def test_no_secret_is_in_the_repository(manifests: Manifests) -> None:
    assert manifests.of("Secret") == []
    for pod in manifests.pods:
        told = [name for name, variable in pod.env if "value" in variable]
        assert not [name for name in told if name.endswith(("PASSWORD", "DATABASE_URL", "SHA256", "TOKEN"))], pod.name


def test_every_pod_is_restricted(manifests: Manifests) -> None:
    """As https://kubernetes.io/docs/concepts/security/pod-security-standards/ has it: else the namespace refuses it."""
    enforced = manifests.one("Namespace", "qos")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"
    for pod in manifests.pods:
        own, inside = pod.spec["securityContext"], pod.container["securityContext"]
        assert own["runAsNonRoot"] is True, pod.name
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
        assert inside["allowPrivilegeEscalation"] is False, pod.name
        assert inside["capabilities"] == {"drop": ["ALL"]}, pod.name
        volumes = {kind for volume in pod.spec.get("volumes", []) for kind in volume if kind != "name"}
        assert volumes <= {"configMap", "emptyDir", "secret"}, pod.name
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        account = manifests.one("ServiceAccount", pod.spec["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False, pod.name
