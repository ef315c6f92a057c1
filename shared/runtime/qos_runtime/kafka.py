"""Clients for Kafka, made the one way that keeps our promises."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from qos_domain.errors import TransientFailure
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import MAX_DEAD_LETTER_BYTES


def connection(settings: RuntimeSettings) -> dict[str, Any]:
    """The keyword arguments that every aiokafka client takes: addresses, encryption, credentials."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_sasl_username
        arguments["sasl_plain_password"] = settings.kafka_sasl_password
    return arguments


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition a key belongs to, the same as Java's default partitioner (murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _partitioner(key: bytes | None, all_partitions: list[int], _available: list[int]) -> int:
    if key is None:
        raise ValueError("every record of this system has a key: its procedure_id")
    return all_partitions[partition_of(key, len(all_partitions))]


def producer(settings: RuntimeSettings, *, client_id: str, linger_ms: int = 5) -> AIOKafkaProducer:
    """An idempotent producer that counts a record as sent when all in-sync replicas have it. Not started.

    Must be called in a running event loop. Keys are required. The order of one key's records is kept, retries included.
    """
    return AIOKafkaProducer(
        **connection(settings),
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        compression_type="lz4",
        linger_ms=linger_ms,
        max_batch_size=131_072,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        request_timeout_ms=15_000,
        partitioner=_partitioner,
    )


@asynccontextmanager
async def admin_client(
    settings: RuntimeSettings, *, client_id: str = "qos-admin"
) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end. Raises TransientFailure when no broker answers."""
    client = AIOKafkaAdminClient(**connection(settings), client_id=client_id)
    try:
        await client.start()
    except KafkaError as error:
        await client.close()
        raise TransientFailure(f"no Kafka broker answers at {settings.kafka_bootstrap_servers}") from error
    try:
        yield client
    finally:
        await client.close()


async def broker_answers(settings: RuntimeSettings, *, timeout_seconds: float = 5.0) -> None:
    """Return when a broker has answered a metadata request; raise TransientFailure when none does in time."""
    client = AIOKafkaClient(**connection(settings), client_id="qos-readiness")
    try:
        async with asyncio.timeout(timeout_seconds):
            await client.bootstrap()
            await client.fetch_all_metadata()
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientFailure(f"no Kafka broker answers at {settings.kafka_bootstrap_servers}") from error
    finally:
        await client.close()
