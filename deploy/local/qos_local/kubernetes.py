"""Makes the manifests of deploy/k8s that follow from the code, so that nothing is written twice.

python -m qos_local.kubernetes topics --partitions 64 --replication-factor 3
python -m qos_local.kubernetes rules deploy/prometheus/rules/*.yml
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from qos_local.alerting.rule_files import as_yaml
from qos_runtime.create_topics import TopicsSettings
from qos_runtime.topics import TOPICS


def topics(
    *, partitions: int, replication_factor: int, prefix: str = "", cluster: str = "qos-kafka"
) -> list[dict[str, Any]]:
    """A Strimzi KafkaTopic for each topic of the system, as qos_runtime.topics defines them."""
    settings = TopicsSettings(
        kafka_bootstrap_servers="not asked",
        partitions=partitions,
        replication_factor=replication_factor,
        topic_prefix=prefix,
    )
    return [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": settings.topic(definition.name), "labels": {"strimzi.io/cluster": cluster}},
            "spec": {
                "partitions": definition.partition_count(settings),
                "replicas": settings.replication_factor,
                "config": definition.config(settings),
            },
        }
        for definition in TOPICS
    ]


def rules(files: Iterable[Path]) -> dict[str, Any]:
    """One PrometheusRule with the groups of Prometheus's own rule files, in the order of the files."""
    groups = [group for path in files for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "qos"},
        "spec": {"groups": groups},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m qos_local.kubernetes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_topics = kinds.add_parser("topics", help="KafkaTopics for Strimzi")
    of_topics.add_argument("--partitions", type=int, required=True)
    of_topics.add_argument("--replication-factor", type=int, required=True)
    of_topics.add_argument("--prefix", default="", help="as QOS_TOPIC_PREFIX; none by default")
    of_rules = kinds.add_parser("rules", help="a PrometheusRule for prometheus-operator")
    of_rules.add_argument("files", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    if given.kind == "topics":
        made = topics(partitions=given.partitions, replication_factor=given.replication_factor, prefix=given.prefix)
        said = f"topics --partitions {given.partitions} --replication-factor {given.replication_factor}"
        said += f" --prefix {given.prefix}" if given.prefix else ""
    else:
        made = [rules(given.files)]
        said = "rules " + " ".join(map(str, given.files))
    sys.stdout.write(text_of(made, said))
    return 0


def text_of(resources: Iterable[Mapping[str, Any]], arguments: str) -> str:
    """The YAML documents of these resources, of which the first says how they were made."""
    heading = f"Made by `python -m qos_local.kubernetes {arguments}`; a test compares."
    first, *others = resources
    return "---\n".join([as_yaml(first, heading), *(as_yaml(other, "") for other in others)])


if __name__ == "__main__":
    sys.exit(main())
