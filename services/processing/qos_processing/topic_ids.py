"""Whether a topic is still the one whose offsets are stored: its id, which the broker gives it once.

A topic that was deleted and made anew has other records at the same offsets. aiokafka doesn't ask for topic ids, so the
request is spelled out here: Metadata version 12, Kafka 3.1 and later (KIP-516).
"""

import asyncio
from collections.abc import Collection, Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.ports import LogMismatch
from qos_runtime.kafka import connection
from qos_runtime.logging import get_logger
from qos_runtime.postgres import DatabaseError, Pool
from qos_runtime.settings import RuntimeSettings

_log = get_logger(__name__)
_TIMEOUT_SECONDS = 10.0
_EVERY_SECONDS = 30.0


class UnknownTopic(TransientFailure):
    """The broker doesn't know an input topic, as may happen for a moment."""


class TopicIdentity:
    """Compares the broker's ids of the input topics with those remembered beside the offsets."""

    def __init__(self, pool: Pool, settings: RuntimeSettings) -> None:
        self._pool = pool
        self._settings = settings

    async def verify(self) -> None:
        """Raises LogMismatch when a topic was made anew; TransientFailure when broker or database don't answer, or the
        broker doesn't know a topic (for a moment, or for good: see `keep_verifying`).

        Offsets that have no id yet are given the present one.
        """
        names: dict[str, str] = {self._settings.topic(name): name for name in INPUT_TOPICS}
        found = {names[name]: topic_id for name, topic_id in (await topic_ids(self._settings, names)).items()}
        try:
            remembered = await self._pool.fetch(_REMEMBERED)
            self._compare(found, {row["topic"]: row["topic_id"] for row in remembered})
            await self._pool.execute(_REMEMBER, list(found), list(found.values()))
        except DatabaseError as error:
            raise TransientFailure(f"the topics' ids can't be read ({type(error).__name__})") from error

    async def keep_verifying(self) -> None:
        """Verify again and again, for offsets that are stored later and topics that are deleted or made anew meanwhile.

        Raises LogMismatch when a topic is found to be another one, or is still unknown a while after it was missed.
        """
        missed = False
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.verify()
            except UnknownTopic as error:
                if missed:
                    raise LogMismatch(
                        f"{error}: it was deleted. Restore the log, and start the worker again."
                    ) from error
                missed = True
            except TransientFailure as error:
                _log.warning("topics_not_verified", error=str(error))
            else:
                missed = False

    def _compare(self, found: Mapping[str, UUID], remembered: Mapping[str, UUID]) -> None:
        for topic, topic_id in remembered.items():
            if found[topic] != topic_id:
                raise LogMismatch(
                    f"The topic {self._settings.topic(topic)} was deleted and made anew: offsets of {topic_id} are "
                    f"stored, the broker has {found[topic]}. Or QOS_TOPIC_PREFIX isn't that of the topics that the "
                    "results were moved to (`qos repartition`). Nothing was changed. Restore the log, or rebuild the "
                    "results from the new one, in an empty database."
                )


_REMEMBERED = """
    SELECT DISTINCT o.topic, o.topic_id FROM partition_offsets o
    JOIN generations g ON g.generation = o.generation AND g.status = 'live'
    WHERE o.topic_id IS NOT NULL
"""
_REMEMBER = """
    UPDATE partition_offsets o SET topic_id = n.topic_id
    FROM unnest($1::text[], $2::uuid[]) AS n (topic, topic_id), generations g
    WHERE o.topic = n.topic AND o.topic_id IS NULL AND g.generation = o.generation AND g.status = 'live'
"""


async def topic_ids(settings: RuntimeSettings, topics: Collection[str]) -> Mapping[str, UUID]:
    """The ids of these topics (names as on the broker).

    Raises UnknownTopic when the broker doesn't know one, TransientFailure when it doesn't answer.
    """
    client = AIOKafkaClient(**connection(settings), client_id="qos-topic-ids")
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await client.bootstrap()
            response = await client.send(client.get_random_node(), _MetadataRequest(topics))
    except (KafkaError, NotImplementedError, OSError, TimeoutError) as error:
        raise TransientFailure(f"the broker did not tell the topics' ids ({type(error).__name__})") from error
    finally:
        await client.close()
    found = {}
    for code, name, topic_id, *_ in response.topics:
        if code:
            raise UnknownTopic(f"the broker doesn't know the topic {name} ({for_code(code).__name__})")
        found[name] = topic_id
    return found


class _Uuid(AbstractType[UUID]):
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)


class _MetadataResponse(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _MetadataRequestV12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        _TAGS,
    )


class _MetadataRequest(Request[_MetadataRequestV12]):
    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequestV12]) -> _MetadataRequestV12:
        wanted: list[tuple[Any, ...]] = [(UUID(int=0), topic, {}) for topic in self._topics]
        return request_struct_class(wanted, False, False, {})
