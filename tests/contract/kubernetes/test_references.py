"""What one resource says of another is so: selectors, targets, names of Secrets and their keys, jobs of Prometheus."""

import re
from collections.abc import Iterator

import pytest

from qos_domain.events import INPUT_TOPICS
from qos_runtime import metric_defs
from qos_runtime.topics import DEAD_LETTER_DECISIONS, DEAD_LETTERS, PUBLICATIONS, QOS_LEVELS, SLA_EVENTS
from support.manifests import Manifests, Pod, selects

pytestmark = pytest.mark.timeout(900)
SERVICES = ("qos-intake", "qos-processing", "qos-metrics")


def selected(manifests: Manifests, labels: dict[str, str]) -> list[str]:
    return [pod.name for pod in manifests.pods if selects({"matchLabels": labels}, pod.labels)]


def test_every_deployment_selects_its_own_pods_and_no_others(manifests: Manifests) -> None:
    for pod in (pod for pod in manifests.pods if pod.owner["kind"] not in {"Job", "CronJob"}):
        assert selected(manifests, pod.owner["spec"]["selector"]["matchLabels"]) == [pod.name]
        for spread in pod.spec.get("topologySpreadConstraints", []):
            assert selected(manifests, spread["labelSelector"]["matchLabels"]) == [pod.name]


def test_every_service_selects_the_pods_of_its_name(manifests: Manifests) -> None:
    for service in manifests.of("Service"):
        name = service["metadata"]["name"]
        assert selected(manifests, service["spec"]["selector"]) == [name]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= manifests.pod(name).ports.keys()


def test_each_service_is_spread_and_loses_one_pod_at_a_time(manifests: Manifests) -> None:
    budgets = [budget["spec"] for budget in manifests.of("PodDisruptionBudget")]
    protected = [name for budget in budgets for name in selected(manifests, budget["selector"]["matchLabels"])]
    assert sorted(protected) == sorted(SERVICES)
    assert {budget["maxUnavailable"] for budget in budgets} == {1}
    for name in SERVICES:
        spread = manifests.pod(name).spec["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_what_is_scaled_is_there_and_has_no_number_of_its_own(production: Manifests) -> None:
    scalers = production.of("HorizontalPodAutoscaler", "ScaledObject")
    targets = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers}
    assert targets == set(SERVICES)
    for name in SERVICES:
        assert "replicas" not in production.one("Deployment", name)["spec"]
    for scaler in scalers:
        least = scaler["spec"].get("minReplicas", scaler["spec"].get("minReplicaCount"))
        assert least >= 2, "one that is evicted must not be the last"


def test_workers_are_scaled_by_a_metric_that_there_is(production: Manifests) -> None:
    [trigger] = production.one("ScaledObject", "qos-processing")["spec"]["triggers"]
    asked = set(re.findall(r"\bqos_\w+", trigger["metadata"]["query"]))
    assert asked
    assert asked <= {metric.name for metric in metric_defs.ALL}
    assert f'namespace="{production.one("Namespace", "qos")["metadata"]["name"]}"' in trigger["metadata"]["query"]


def test_prometheus_finds_each_service_under_the_name_that_the_rules_use(production: Manifests) -> None:
    jobs = []
    for monitor in production.of("ServiceMonitor", "PodMonitor"):
        if "jobLabel" not in monitor["spec"]:
            continue  # of the stores
        selector = monitor["spec"]["selector"]["matchLabels"]
        candidates = production.of("Service") if monitor["kind"] == "ServiceMonitor" else production.of("Deployment")
        [found] = [each for each in candidates if selects({"matchLabels": selector}, each["metadata"]["labels"])]
        jobs.append(found["metadata"]["labels"][monitor["spec"]["jobLabel"]])
        endpoints = monitor["spec"].get("endpoints", monitor["spec"].get("podMetricsEndpoints"))
        assert [(endpoint["port"], endpoint["path"]) for endpoint in endpoints] == [("http", "/metrics")]
    assert sorted(jobs) == sorted(SERVICES)


def test_each_route_leads_to_a_service(production: Manifests) -> None:
    for route in production.of("HTTPRoute"):
        for backend in (backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]):
            ports = [port["port"] for port in production.one("Service", backend["name"])["spec"]["ports"]]
            assert backend["port"] in ports


def secrets_made(manifests: Manifests) -> dict[str, set[str]]:
    """The keys of each Secret that an operator makes, by its name."""
    made: dict[str, set[str]] = {}
    for user in manifests.of("KafkaUser"):
        made[user["metadata"]["name"]] = {"password", "sasl.jaas.config"}
    for kafka in manifests.of("Kafka"):
        made[f"{kafka['metadata']['name']}-cluster-ca-cert"] = {"ca.crt", "ca.p12", "ca.password"}
    for cluster in manifests.of("Cluster"):
        made[f"{cluster['metadata']['name']}-app"] = {"username", "password", "dbname", "host", "port", "uri"}
        made[f"{cluster['metadata']['name']}-ca"] = {"ca.crt", "ca.key"}
    for external in manifests.of("ExternalSecret"):
        target = external["spec"]["target"]
        templated = target.get("template", {}).get("data", {}).keys()
        made[target["name"]] = set(templated or (data["secretKey"] for data in external["spec"]["data"]))
    return made


def secrets_wanted(manifests: Manifests) -> Iterator[tuple[str, str]]:
    for pod in manifests.pods:
        for _, variable in pod.env:
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                yield reference["name"], reference["key"]
        for volume in pod.spec.get("volumes", []):
            for item in volume.get("secret", {}).get("items", []):
                yield volume["secret"]["secretName"], item["key"]
    for store in manifests.of("ObjectStore"):
        for reference in store["spec"]["configuration"]["s3Credentials"].values():
            yield reference["name"], reference["key"]
    for cluster in manifests.of("Cluster"):
        for role in cluster["spec"]["managed"]["roles"]:
            yield role["passwordSecret"]["name"], "username"
            yield role["passwordSecret"]["name"], "password"


def test_every_secret_that_is_asked_for_is_made_by_somebody(production: Manifests) -> None:
    made = secrets_made(production)
    for name, key in secrets_wanted(production):
        assert key in made.get(name, ()), f"{name}/{key}"


def test_on_a_machine_of_ones_own_there_is_one_secret_to_make(local: Manifests) -> None:
    assert set(secrets_wanted(local)) == {("qos-postgres-app", "uri"), ("qos-postgres-app", "password")}


def mounted(pod: Pod) -> dict[str, str]:
    """The paths of the files that are mounted, by the volume's name."""
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    return {
        f"{mount['mountPath']}/{item['path']}": mount["name"]
        for mount in pod.container["volumeMounts"]
        for item in volumes[mount["name"]].get("secret", {}).get("items", [])
    }


def test_each_certificate_is_where_the_service_looks_for_it(production: Manifests) -> None:
    for pod in production.pods:
        environment = production.environment(pod)
        files = {environment[name] for name in ("KAFKA_CA_FILE", "PGSSLROOTCERT") if name in environment}
        assert files == mounted(pod).keys(), pod.name
        assert ("DATABASE_URL" in environment) == (environment.get("PGSSLMODE") == "verify-full"), pod.name


def test_each_service_is_a_user_of_kafka_under_its_own_name(production: Manifests) -> None:
    for name in SERVICES:
        environment = production.environment(production.pod(name))
        assert environment["KAFKA_SASL_USERNAME"] == name
        assert environment["KAFKA_SASL_PASSWORD"] == f"{name}/password"
        assert production.one("KafkaUser", name)["metadata"]["labels"] == {
            "app.kubernetes.io/part-of": "qos",
            "strimzi.io/cluster": "qos-kafka",
        }
    [listener] = production.one("Kafka", "qos-kafka")["spec"]["kafka"]["listeners"]
    settings = production.one("ConfigMap", "qos-settings")["data"]
    assert settings["KAFKA_BOOTSTRAP_SERVERS"] == f"qos-kafka-kafka-bootstrap:{listener['port']}"
    assert (listener["tls"], settings["KAFKA_SECURITY_PROTOCOL"]) == (True, "SASL_SSL")
    assert listener["authentication"]["type"].upper() == settings["KAFKA_SASL_MECHANISM"]


def test_dead_letters_are_settled_through_intake_and_followed_by_workers(production: Manifests) -> None:
    """ADR 0026; a worker looks at the settings of the topics that it must find (DescribeConfigs)."""
    operations = {
        (user["metadata"]["name"], acl["resource"]["name"]): set(acl["operations"])
        for user in production.of("KafkaUser")
        for acl in user["spec"]["authorization"]["acls"]
    }
    assert {"Read", "Write"} <= operations["qos-intake", DEAD_LETTERS]
    assert {"Read", "Write"} <= operations["qos-intake", DEAD_LETTER_DECISIONS]
    for topic in (DEAD_LETTERS, QOS_LEVELS, SLA_EVENTS, PUBLICATIONS):  # which a recovery reads back
        assert operations["qos-processing", topic] == {"Read", "Write", "Describe", "DescribeConfigs"}
    assert operations["qos-processing", DEAD_LETTER_DECISIONS] == {"Read", "Describe", "DescribeConfigs"}


def test_only_intake_may_write_the_input_topics(production: Manifests) -> None:
    writers = {
        (user["metadata"]["name"], acl["resource"]["name"])
        for user in production.of("KafkaUser")
        for acl in user["spec"]["authorization"]["acls"]
        if acl["resource"]["type"] == "topic" and {"Write", "All"} & set(acl["operations"])
        if acl["resource"]["name"] in INPUT_TOPICS or acl["resource"]["patternType"] == "prefix"
    }
    assert writers == {("qos-intake", topic) for topic in INPUT_TOPICS}
