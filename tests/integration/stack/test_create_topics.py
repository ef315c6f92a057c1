"""The topics are made by one command before anything starts, as in a container or a job."""

import os
import subprocess
import sys

from aiokafka.admin import NewTopic

from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import TOPICS


def create_topics(**environment: str) -> "subprocess.CompletedProcess[str]":
    """By the broker's address alone: no credential of a database is needed."""
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "qos_runtime.create_topics"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_run_creates_every_topic_and_the_second_none(kafka: str, topic_prefix: str) -> None:
    first = create_topics(KAFKA_BOOTSTRAP_SERVERS=kafka, QOS_TOPIC_PREFIX=topic_prefix)
    assert first.returncode == 0, first.stderr
    assert f"created {topic_prefix}applications\n" in first.stdout
    assert f"{len(TOPICS)} topics created, 0 there already." in first.stdout
    second = create_topics(KAFKA_BOOTSTRAP_SERVERS=kafka, QOS_TOPIC_PREFIX=topic_prefix)
    assert (second.returncode, second.stdout) == (0, f"0 topics created, {len(TOPICS)} there already.\n")


async def test_a_topic_that_would_make_results_wrong_is_named(runtime_settings: RuntimeSettings) -> None:
    name = runtime_settings.topic("applications")
    async with admin_client(runtime_settings) as admin:
        await admin.create_topics([NewTopic(name, 8, 1, topic_configs={"retention.ms": "1000"})])
    ended = create_topics(
        KAFKA_BOOTSTRAP_SERVERS=runtime_settings.kafka_bootstrap_servers,
        QOS_TOPIC_PREFIX=runtime_settings.topic_prefix,
    )
    assert ended.returncode == 2
    assert f"{name}: retention.ms is 1000, wanted -1" in ended.stderr


def test_a_missing_address_and_a_broker_that_is_away_are_told_apart(free_port: int) -> None:
    unset = create_topics(KAFKA_BOOTSTRAP_SERVERS="")
    assert unset.returncode == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in unset.stderr
    away = create_topics(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}")
    assert away.returncode == 1
    assert f"no Kafka broker answers at 127.0.0.1:{free_port}" in away.stderr
