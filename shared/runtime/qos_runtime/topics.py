"""Every topic the system uses, as data; and the one function that creates them.

Topics are created by us with these settings and never by the broker on first use: an input topic that forgets
after a week, or that trusts the producer's clock, would make every rebuild wrong.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_runtime.errors import TopicsNotReady

DAY_MS = 24 * 60 * 60 * 1000
FOREVER = -1
MAX_EVENT_BYTES = 1_048_576
# A dead letter wraps the original bytes (base64 in JSON) with their position and reason.
MAX_DEAD_LETTER_BYTES = 2 * MAX_EVENT_BYTES

PUBLICATIONS = "publications"
QOS_LEVELS = "qos-levels"
SLA_EVENTS = "sla-events"
DEAD_LETTERS = "dead-letters"
DEAD_LETTER_DECISIONS = "dead-letter-decisions"


class TopicSettings(Protocol):
    """What of `RuntimeSettings` decides about topics."""

    @property
    def partitions(self) -> int: ...
    @property
    def replication_factor(self) -> int: ...
    @property
    def min_insync_replicas(self) -> int: ...
    def topic(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TopicDefinition:
    """A topic by its base name (without prefix). `retention_ms` -1 keeps everything."""

    name: str
    retention_ms: int
    cleanup_policy: Literal["delete", "compact"] = "delete"
    max_message_bytes: int = MAX_EVENT_BYTES
    partitions: int | None = None  # None: as many as the input topics, so that one partition number is one worker's

    def config(self, settings: TopicSettings) -> dict[str, str]:
        """The topic's settings as the broker names them."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            # The broker's append time is the record time: no producer's clock decides what was known when.
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(settings.min_insync_replicas),
            "max.message.bytes": str(self.max_message_bytes),
            "unclean.leader.election.enable": "false",
        }

    def partition_count(self, settings: TopicSettings) -> int:
        return self.partitions or settings.partitions


def inbox(source: str) -> TopicDefinition:
    """The topic that one source may write to itself; intake relays it (architecture, decision 12)."""
    return TopicDefinition(name=f"inbox.{source}", retention_ms=7 * DAY_MS)


INPUT: tuple[TopicDefinition, ...] = tuple(TopicDefinition(name=name, retention_ms=FOREVER) for name in INPUT_TOPICS)
DEAD_LETTER_TOPICS: tuple[TopicDefinition, ...] = (
    TopicDefinition(name=DEAD_LETTERS, retention_ms=30 * DAY_MS, max_message_bytes=MAX_DEAD_LETTER_BYTES),
    # Longer than what it is about, which a segment may keep beyond its time: a letter never forgets that it is settled.
    TopicDefinition(name=DEAD_LETTER_DECISIONS, retention_ms=60 * DAY_MS),
)
TOPICS: tuple[TopicDefinition, ...] = (
    *INPUT,
    TopicDefinition(name=PUBLICATIONS, retention_ms=FOREVER),
    TopicDefinition(name=QOS_LEVELS, retention_ms=FOREVER, cleanup_policy="compact"),
    TopicDefinition(name=SLA_EVENTS, retention_ms=30 * DAY_MS),
    *DEAD_LETTER_TOPICS,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic exists with another value than its definition's."""

    topic: str
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class TopicReport:
    """Names as on the broker, in the order of the definitions."""

    created: tuple[str, ...] = ()
    existing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    differing: tuple[Difference, ...] = field(default=())


async def create_topics(
    admin: AIOKafkaAdminClient, settings: TopicSettings, definitions: Iterable[TopicDefinition] = TOPICS
) -> TopicReport:
    """Create what is missing; leave what exists as it is and report where it differs. May be repeated at will.

    Returns when the broker shows the new topics with a leader for each partition. Raises TransientFailure when that
    takes too long, and aiokafka's KafkaError when the broker refuses a topic for another reason than that it exists.
    """
    wanted = tuple(definitions)
    before = await describe_topics(admin, settings, wanted)
    absent = set(before.missing)
    new = [
        NewTopic(
            name=settings.topic(definition.name),
            num_partitions=definition.partition_count(settings),
            replication_factor=settings.replication_factor,
            topic_configs=definition.config(settings),
        )
        for definition in wanted
        if settings.topic(definition.name) in absent
    ]
    if not new:
        return before
    response: Any = await admin.create_topics(new)
    created = set()
    for name, code, *message in response.topic_errors:
        if code == 0:
            created.add(name)
        elif code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"topic {name}: {message[0] if message else 'refused'}")
    await _wait_for_leaders(admin, {topic.name for topic in new})
    after = await describe_topics(admin, settings, wanted)
    return TopicReport(
        created=tuple(name for name in after.existing if name in created),
        existing=tuple(name for name in after.existing if name not in created),
        differing=after.differing,
    )


async def describe_topics(
    admin: AIOKafkaAdminClient, settings: TopicSettings, definitions: Iterable[TopicDefinition] = TOPICS
) -> TopicReport:
    """Which of the topics exist, which are missing, and which settings differ. Changes nothing."""
    wanted = {settings.topic(definition.name): definition for definition in definitions}
    present = {
        topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics() if topic["topic"] in wanted
    }
    existing = tuple(name for name in wanted if name in present)
    differing: list[Difference] = []
    found = await _configs(admin, existing)
    for name in existing:
        definition = wanted[name]
        expected = {"partitions": str(definition.partition_count(settings)), **definition.config(settings)}
        actual = {"partitions": str(present[name]), **found[name]}
        differing.extend(
            Difference(topic=name, setting=setting, wanted=value, found=actual.get(setting, "unset"))
            for setting, value in expected.items()
            if actual.get(setting) != value
        )
    return TopicReport(
        existing=existing, missing=tuple(name for name in wanted if name not in present), differing=tuple(differing)
    )


_VISIBLE_SECONDS = 30.0
_POLL_SECONDS = 0.05

# With another of these, results would be wrong or lost, not just slower.
_DECISIVE = frozenset({"partitions", "cleanup.policy", "retention.ms", "message.timestamp.type"})


async def require_topics(
    admin: AIOKafkaAdminClient, settings: TopicSettings, definitions: Iterable[TopicDefinition] = TOPICS
) -> TopicReport:
    """Raise TopicsNotReady unless all exist with the settings that results depend on; else what describe_topics says.

    A Faust worker that starts before its topics never notices them, so it asks here first.
    """
    report = await describe_topics(admin, settings, definitions)
    decisive = tuple(str(difference) for difference in report.differing if difference.setting in _DECISIVE)
    if report.missing or decisive:
        raise TopicsNotReady(missing=report.missing, differing=decisive)
    return report


async def _wait_for_leaders(admin: AIOKafkaAdminClient, topics: set[str]) -> None:
    try:
        async with asyncio.timeout(_VISIBLE_SECONDS):
            led: set[str] = set()
            while not topics <= led:
                led = {
                    topic["topic"]
                    for topic in await admin.describe_topics()
                    if topic["partitions"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
                }
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise TransientFailure(f"new topics have no leaders after {_VISIBLE_SECONDS:.0f} seconds") from error


async def _configs(admin: AIOKafkaAdminClient, topics: tuple[str, ...]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    responses: list[Any] = await admin.describe_configs(resources)
    configs: dict[str, dict[str, str]] = {}
    for response in responses:
        for code, message, _type, name, entries in response.resources:
            if code:
                raise for_code(code)(f"topic {name}: {message}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs
