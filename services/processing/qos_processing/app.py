"""The Faust app of a worker: one agent for all input topics, and what the transport asks of it."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar, cast

import faust
from aiokafka.errors import KafkaError
from faust.app import BootStrategy
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.types import TP, AppT, Message
from mode.supervisors import CrashingSupervisor
from prometheus_client import CollectorRegistry
from yarl import URL

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.gate import Gate
from qos_processing.ports import Batch, BatchProcessor, LogMismatch, OffsetMismatch
from qos_processing.progress import Progress
from qos_processing.settings import ProcessingSettings
from qos_processing.transport import Consumer
from qos_processing.turns import Turns
from qos_runtime.clock import Clock
from qos_runtime.kafka import connection
from qos_runtime.logging import get_logger

_T = TypeVar("_T")

_log = get_logger(__name__)
_RETRY_SECONDS = 0.2
# A former owner that was paused may go on for as long as the group takes to notice; not longer.
_CONFLICT_SESSIONS = 3


class StartOffsetsUnavailable(TransientFailure):
    """Database or broker didn't say in time where to start: the worker ends, its orchestrator starts it again."""


class BatchSchema(faust.Schema[None, tuple[Batch, ...]]):
    """Hands a message's value on as it is: the batches of one poll, each of another partition."""

    # ruff: noqa: ARG002  Faust gives what decoding would need
    def loads_key(self, app: AppT, message: Message, *, loads: object = None, serializer: object = None) -> None:
        """Batches have no key: their records have."""

    def loads_value(
        self, app: AppT, message: Message, *, loads: object = None, serializer: object = None
    ) -> tuple[Batch, ...]:
        """The batches that the transport's consumer put into the message."""
        return cast(tuple[Batch, ...], message.value)


class Boot(BootStrategy):
    """Without Faust's producer and web server: what goes out goes through the outbox, health has its own server."""

    enable_kafka_producer = False
    enable_web = False


class ProcessingApp(faust.App):
    """A worker's Faust app. What isn't Faust's is given: settings, the service, the clock, the metrics registry.

    An error in the agent, or at an assignment, crashes the app and so ends the process: nothing is skipped, and the
    worker that is started next begins at what PostgreSQL stores.
    """

    mundane_level = "debug"
    BootStrategy = Boot

    def __init__(
        self,
        settings: ProcessingSettings,
        processor: BatchProcessor,
        *,
        verify_log: Callable[[], Awaitable[None]],
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        super().__init__(settings.consumer_group, **_options(settings))
        self.settings = settings
        self.gate = Gate(max_records=settings.records_under_way, max_bytes=settings.bytes_under_way)
        self.progress = Progress(registry)
        self._processor = processor
        self._verify_log = verify_log
        self._clock = clock
        self._conflict_since: dict[TP, float] = {}
        self._turns = Turns(
            self.gate,
            processor,
            at_once=settings.transactions_at_once,
            applied=self._applied,
            conflict=self._after_conflict,
        )

        @self.agent(
            self.topic(*map(settings.topic, INPUT_TOPICS), schema=BatchSchema(), acks=False),
            name="fold",
            supervisor_strategy=CrashingSupervisor,
        )
        async def fold(polls: faust.StreamT[tuple[Batch, ...]]) -> None:
            async for batches in polls:
                for batch in batches:
                    self.add_future(self._turns.take(self.partition_of(batch), batch))

    def base_name(self, topic: str) -> str:
        """A topic's name without the deployment's prefix."""
        return topic[len(self.settings.topic_prefix) :]

    def partition_of(self, batch: Batch) -> TP:
        """The batch's topic partition, by the topic's name on the broker."""
        return TP(self.settings.topic(batch.topic), batch.partition)

    def _applied(self, tp: TP, part: Batch, seconds: float) -> None:
        self._conflict_since.pop(tp, None)
        cast(Consumer, self.consumer).stored(tp, part.next_offset)
        self.progress.committed(tp, part, seconds=seconds, now=self._clock.now())

    async def _after_conflict(self, tp: TP, batch: Batch, mismatch: OffsetMismatch) -> None:
        """Start the partition anew from what is stored. Raises LogMismatch when its conflicts don't end."""
        self.progress.conflict(batch)
        _log.warning("offset_conflict", topic=batch.topic, partition=batch.partition, error=str(mismatch))
        self._bear_conflict(tp)
        await cast(Consumer, self.consumer).seek_again(tp)

    def _bear_conflict(self, tp: TP) -> None:
        limit = _CONFLICT_SESSIONS * self.settings.session_timeout_seconds
        if monotonic() - self._conflict_since.setdefault(tp, monotonic()) > limit:
            raise LogMismatch(
                f"{tp.topic}-{tp.partition}: conflicts for {limit:g} s without progress; another process writes the "
                "offsets of a partition that the group gave to this worker. Look for a second consumer group."
            )

    async def verify_log(self) -> None:
        """Make sure that the log is still the one whose offsets are stored; tries again as `start_offsets` does."""
        await self._patiently(self._verify_log)

    async def start_offsets(self, partitions: Iterable[TP]) -> dict[TP, int]:
        """What PostgreSQL stores for these partitions, after forgetting what was cached for them.

        Tries again while PostgreSQL is away, up to `offset_lookup_seconds`; then raises StartOffsetsUnavailable.
        """
        tps = sorted(partitions)
        self._processor.forget({tp.partition for tp in tps})

        async def look_up() -> dict[TP, int]:
            return {tp: await self._processor.start_offset(self.base_name(tp.topic), tp.partition) for tp in tps}

        return await self._patiently(look_up)

    async def appended_before(self, offsets: Mapping[TP, int]) -> dict[TP, int]:
        """When the records before these offsets were appended (ms since 1970), where PostgreSQL tells it.

        Tries again as `start_offsets` does.
        """

        async def look_up() -> dict[TP, int]:
            asked = {
                tp: await self._processor.appended_before(self.base_name(tp.topic), tp.partition, offset)
                for tp, offset in offsets.items()
            }
            return {tp: appended_ms for tp, appended_ms in asked.items() if appended_ms is not None}

        return await self._patiently(look_up)

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        seconds = self.settings.offset_lookup_seconds
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await ask()
                    except TransientFailure as error:
                        _log.warning("start_delayed", error=str(error))
                        await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as error:
            raise StartOffsetsUnavailable(f"it could not be found out within {seconds:g} s where to start") from error

    def placed(self, offsets: Mapping[TP, int]) -> None:
        """The transport has sought these partitions and will fetch from there."""
        self.progress.placed(offsets, self._clock.now())
        _log.info("partitions_placed", offsets={f"{tp.topic}-{tp.partition}": offset for tp, offset in offsets.items()})

    def revoked(self, partitions: Iterable[TP]) -> None:
        """The group takes these partitions away, perhaps to give them back."""
        self.progress.revoked()
        self._conflict_since.clear()
        self._processor.forget({tp.partition for tp in partitions})

    async def measure_lag(self) -> None:
        """Compare what is stored with the ends of the log; a broker that is away leaves the last measurement."""
        partitions = self.progress.partitions
        if partitions:
            try:
                ends = await self.consumer.highwaters(*partitions)
            except KafkaError as error:
                _log.warning("lag_not_measured", error=type(error).__name__)
            else:
                self.progress.measured(ends, self.gate.outstanding(), self._clock.now())

    async def notice_set_back(self) -> None:
        """Start partitions anew of which PostgreSQL stores less than this worker has committed.

        Then the database was restored from a backup, or an older replica took its place. A partition with a batch under
        way finds out by itself; one to which nothing is sent would never. Raises StartOffsetsUnavailable, LogMismatch.
        """
        committed = self.progress.stored()
        if not committed:
            return
        try:
            stored = await self._processor.stored_offsets()
        except TransientFailure as error:
            _log.debug("set_back_not_known", error=str(error))
            return
        for tp, offset in committed.items():
            found = stored.get((self.base_name(tp.topic), tp.partition), 0)
            if found < offset and tp not in self.gate.outstanding():
                _log.warning(
                    "database_set_back", topic=tp.topic, partition=tp.partition, stored=found, committed=offset
                )
                await cast(Consumer, self.consumer).seek_again(tp)

    def _create_directories(self) -> None:
        """Faust makes directories for tables here: there are none, and a container's file system is read-only."""


def _options(settings: ProcessingSettings) -> dict[str, Any]:
    """Faust's settings. docs/architecture.md and the contract tests say what happens with others."""
    return {
        "broker": [URL(f"qos://{address.strip()}") for address in settings.kafka_bootstrap_servers.split(",")],
        "broker_credentials": _credentials(settings),
        "broker_session_timeout": settings.session_timeout_seconds,
        "broker_heartbeat_interval": settings.session_timeout_seconds / 5,
        "broker_request_timeout": settings.request_timeout_seconds,
        "broker_commit_interval": settings.commit_interval_seconds,
        "consumer_auto_offset_reset": "none",
        "consumer_max_fetch_size": settings.fetch_bytes,
        # A queue of batches: the gate bounds them before this does.
        "stream_buffer_maxsize": 100_000,
        "stream_wait_empty": True,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        # Not 0: that would switch Faust to an assignor that gives one partition number to several workers.
        "table_standby_replicas": 1,
        "datadir": Path(tempfile.gettempdir()),
        "web_enabled": False,
        "logging_config": None,
    }


def _credentials(settings: ProcessingSettings) -> Credentials | None:
    tls = connection(settings).get("ssl_context")
    if settings.kafka_security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=tls,
        )
    return SSLCredentials(tls) if tls is not None else None
