"""Topics on a real broker: created with their settings, left alone afterwards, and compared."""

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from qos_domain.errors import TransientFailure
from qos_runtime.errors import TopicsNotReady
from qos_runtime.kafka import admin_client, broker_answers, partition_of, producer
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, TOPICS, create_topics, describe_topics, inbox, require_topics

THIRTY_DAYS_MS = str(30 * 24 * 60 * 60 * 1000)


async def test_topics_are_created_once_with_their_settings(runtime_settings: RuntimeSettings) -> None:
    async with admin_client(runtime_settings) as admin:
        first = await create_topics(admin, runtime_settings)
        assert [name.removeprefix(runtime_settings.topic_prefix) for name in first.created] == [t.name for t in TOPICS]
        assert (await describe_topics(admin, runtime_settings)).missing == ()
        second = await create_topics(admin, runtime_settings)
        assert second.created == ()
        assert second.existing == first.created
        assert second.differing == ()


async def test_the_broker_says_what_was_asked_for(runtime_settings: RuntimeSettings) -> None:
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings, (*TOPICS, inbox("permits")))

        async def settings_of(name: str) -> dict[str, str]:
            topic = ConfigResource(ConfigResourceType.TOPIC, runtime_settings.topic(name))
            [response] = await admin.describe_configs([topic])
            return {entry[0]: entry[1] for entry in response.resources[0][4]}

        for definition in INPUT:
            found = await settings_of(definition.name)
            assert found["retention.ms"] == "-1"
            assert found["message.timestamp.type"] == "LogAppendTime"
            assert found["cleanup.policy"] == "delete"
        assert (await settings_of("publications"))["retention.ms"] == "-1"
        assert (await settings_of("qos-levels"))["cleanup.policy"] == "compact"
        assert (await settings_of("sla-events"))["retention.ms"] == THIRTY_DAYS_MS
        assert (await settings_of("dead-letters"))["retention.ms"] == THIRTY_DAYS_MS
        assert (await settings_of("inbox.permits"))["retention.ms"] == str(7 * 24 * 60 * 60 * 1000)
        described = await admin.describe_topics([runtime_settings.topic("reviews")])
        assert len(described[0]["partitions"]) == runtime_settings.partitions


async def test_a_topic_that_forgets_is_reported_and_never_changed(runtime_settings: RuntimeSettings) -> None:
    name = runtime_settings.topic("applications")
    async with admin_client(runtime_settings) as admin:
        await admin.create_topics([NewTopic(name, 3, 1, topic_configs={"retention.ms": "1000"})])
        report = await create_topics(admin, runtime_settings)
        assert name in report.existing
        found = {difference.setting: difference.found for difference in report.differing}
        assert found["retention.ms"] == "1000"
        assert found["partitions"] == "3"
        assert found["message.timestamp.type"] == "CreateTime"
        with pytest.raises(TopicsNotReady, match=r"retention\.ms is 1000, wanted -1"):
            await require_topics(admin, runtime_settings)


async def test_missing_topics_are_named_before_a_worker_starts(runtime_settings: RuntimeSettings) -> None:
    async with admin_client(runtime_settings) as admin:
        with pytest.raises(TopicsNotReady) as failure:
            await require_topics(admin, runtime_settings)
    assert runtime_settings.topic("reviews") in failure.value.missing


async def test_a_record_lands_in_the_partition_of_its_key_with_the_brokers_time(
    runtime_settings: RuntimeSettings,
) -> None:
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings)
    sender = producer(runtime_settings, client_id="test")
    await sender.start()
    try:
        sent = await sender.send_and_wait(
            runtime_settings.topic("reviews"), key=b"road-occupation", value=b"{}", timestamp_ms=1
        )
    finally:
        await sender.stop()
    assert sent.partition == partition_of(b"road-occupation", runtime_settings.partitions)
    assert sent.timestamp > 1_700_000_000_000, "the producer's clock must not decide"


async def test_a_broker_that_is_away_is_a_transient_failure(runtime_settings: RuntimeSettings, free_port: int) -> None:
    await broker_answers(runtime_settings)
    away = runtime_settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port}"})
    with pytest.raises(TransientFailure):
        await broker_answers(away, timeout_seconds=2)
    with pytest.raises(TransientFailure):
        async with admin_client(away):
            pass
