"""The topics as data: what is kept for ever, what is compacted, what forgets."""

from dataclasses import dataclass

import pytest

from qos_domain.events import INPUT_TOPICS
from qos_runtime.topics import INPUT, TOPICS, TopicDefinition, inbox


@dataclass(frozen=True)
class Production:
    partitions: int = 64
    replication_factor: int = 3
    min_insync_replicas: int = 2

    def topic(self, name: str) -> str:
        return name


def named(name: str) -> TopicDefinition:
    return next(definition for definition in TOPICS if definition.name == name)


def test_every_input_topic_of_the_domain_is_defined() -> None:
    assert tuple(definition.name for definition in INPUT) == INPUT_TOPICS


@pytest.mark.parametrize("name", [*INPUT_TOPICS, "publications"])
def test_what_everything_is_rebuilt_from_keeps_everything(name: str) -> None:
    config = named(name).config(Production())
    assert config["retention.ms"] == "-1"
    assert config["retention.bytes"] == "-1"
    assert config["cleanup.policy"] == "delete"
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["min.insync.replicas"] == "2"
    assert config["unclean.leader.election.enable"] == "false"


def test_all_topics_of_a_procedure_have_the_same_number_of_partitions() -> None:
    assert {definition.partition_count(Production()) for definition in TOPICS} == {64}


def test_only_the_levels_are_compacted() -> None:
    assert [definition.name for definition in TOPICS if definition.cleanup_policy == "compact"] == ["qos-levels"]


def test_a_dead_letter_has_room_for_the_largest_event() -> None:
    assert named("dead-letters").max_message_bytes > 4 / 3 * named("applications").max_message_bytes


def test_an_inbox_forgets_after_a_week() -> None:
    assert inbox("permits").name == "inbox.permits"
    assert inbox("permits").retention_ms == 7 * 24 * 60 * 60 * 1000
