"""Moves the results from the old topics to the new ones: once both hold the same, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.leader import LEADER_LOCK
from qos_processing.outbox import Publisher
from qos_processing.ports import instant_of
from qos_processing.repartition import renumbering
from qos_processing.repartition.copying import QUIET_SECONDS, Copier, Progress
from qos_processing.repartition.pair import Pair, RepartitionRefused
from qos_processing.repartition.reading import ends_of, input_topic_ids, is_copy, last_records, left_to_copy
from qos_processing.repartition.renumbering import Position, State
from qos_processing.transactions import Transactions
from qos_processing.verify.verification import long_session
from qos_runtime.clock import Clock
from qos_runtime.kafka import admin_client
from qos_runtime.logging import get_logger
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import require_topics

log = get_logger(__name__)

NEAR_RECORDS = 10_000
"""So few records may be left to copy while all services stand still."""

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Swapped:
    """`procedures` have results, which stand at `records` records of the new topics now."""

    procedures: int
    records: int


async def swap(
    pair: Pair,
    *,
    clock: Clock,
    leave_dead_letters: bool = False,
    refold: bool = False,
    progress: Progress = lambda *_: None,
    quiet_seconds: float = QUIET_SECONDS,
) -> Swapped:
    """Publish what waits in the outbox to the old topics, copy the rest, and let the results stand on the new topics.

    Intake and workers are stopped. `leave_dead_letters`: those that are open stay on the old topics. `refold`: workers
    are to read the new topics from their beginning, as somebody else has written there: what is in already changes
    nothing. The last step is one transaction: ended at any moment, it was done or it wasn't.

    Raises RepartitionRefused, TopicsNotReady, NoLiveGeneration when it can't be done as things are; TransientFailure
    when broker or database are away: run it again.
    """
    async with admin_client(pair.old) as admin:
        await require_topics(admin, pair.old)
        await require_topics(admin, pair.new)
        members = await _members(admin, pair.old.consumer_group)
    if members:
        raise RepartitionRefused(f"{members} workers run: stop them, so that nobody processes meanwhile")
    async with long_session(pair.old.database_url, application_name="qos-repartition") as session:
        if not await session.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
            raise RepartitionRefused("a worker leads: stop all workers, so that nobody processes meanwhile")
        ids = await input_topic_ids(pair.new)
        if await renumbering.stands_on(session, ids):
            raise RepartitionRefused("the results stand on the new topics already: start the services with them")
        await _publish_rest(pair.old)
        await _copy_rest(pair, Copier(pair, progress=progress, quiet_seconds=quiet_seconds, alone=not refold))
        # In this order: a record that somebody copies before the positions are read is within the ends, and missed.
        positions = await _positions(pair, refold=refold)
        ends = await ends_of(pair.old, INPUT_TOPICS)
        async with session.transaction():
            state = await renumbering.lock_and_look(session)
            _require_settled(pair, state, ends, letters=leave_dead_letters)
            if leave_dead_letters:
                await renumbering.settle_open_letters(session, clock.now())
            procedures = await renumbering.renumber(session, state.live, pair.new.partitions, positions, ids)
    records = sum(position.next_offset for position in positions)
    log.info("results_moved", prefix=pair.new.topic_prefix, partitions=pair.new.partitions, records=records)
    return Swapped(procedures, records)


async def drop_old(pair: Pair) -> list[str]:
    """Delete the old topics, all of them, for ever; their names on the broker.

    Raises RepartitionRefused unless the results stand on the new topics and all of the old ones is copied;
    TransientFailure.
    """
    async with long_session(pair.old.database_url, application_name="qos-repartition") as session:
        if not await renumbering.stands_on(session, await input_topic_ids(pair.new)):
            raise RepartitionRefused("the results don't stand on the new topics: `qos repartition swap` comes first")
    left = await left_to_copy(pair)
    if left:
        raise RepartitionRefused(
            f"{left:,} records were appended to the old topics since: bring them over with `qos repartition copy"
            " --finish`"
        )
    try:
        async with admin_client(pair.old) as admin:
            present = set(await admin.list_topics())
            names = [name for name in pair.old_names if name in present]
            await admin.delete_topics(names)
    except KafkaError as error:
        raise TransientFailure(f"topics can't be deleted ({type(error).__name__})") from error
    return names


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members the workers' group has."""
    try:
        responses: list[Any] = await admin.describe_consumer_groups([group])
    except KafkaError as error:
        raise TransientFailure(f"the workers' group can't be looked at ({type(error).__name__})") from error
    return sum(len(described[5]) for response in responses for described in response.groups)


async def _publish_rest(old: RuntimeSettings) -> None:
    pool = await create_pool(old.database_url, application_name="qos-repartition", max_size=1)
    try:
        transactions = Transactions(pool, patience_seconds=_PATIENCE_SECONDS, registry=CollectorRegistry())
        publisher = Publisher(transactions, old)
        producer = publisher.producer()
        try:
            await producer.start()
            while await publisher.publish(producer):
                pass
        except KafkaError as error:
            raise TransientFailure(f"the outbox can't be published ({type(error).__name__})") from error
        finally:
            await producer.stop()
    finally:
        pool.terminate()


async def _copy_rest(pair: Pair, copier: Copier) -> None:
    left = await left_to_copy(pair)
    if left > NEAR_RECORDS:
        raise RepartitionRefused(
            f"{left:,} records of the old topics aren't copied yet: let intake and workers go on, and `qos repartition"
            " copy` come near first"
        )
    await copier.run(finish=True)


async def _positions(pair: Pair, *, refold: bool) -> list[Position]:
    """The ends of the new input topics, which only a copy has written; or their beginnings."""
    ends = await ends_of(pair.new, INPUT_TOPICS)
    last = {} if refold else await last_records(pair.new, ends)
    positions = []
    for topic in INPUT_TOPICS:
        for partition in range(pair.new.partitions):
            tp = TopicPartition(pair.new.topic(topic), partition)
            record = last.get(tp)
            if record is not None and not is_copy(record):
                raise RepartitionRefused(
                    f"somebody has written to {tp.topic}-{tp.partition} already: swap with --refold, so that workers"
                    " read the new topics from their beginning"
                )
            appended_at = None if record is None else instant_of(record.timestamp)
            positions.append(Position(topic, partition, 0 if refold else ends[tp], appended_at))
    return positions


def _require_settled(pair: Pair, state: State, ends: Mapping[TopicPartition, int], *, letters: bool) -> None:
    """Raises RepartitionRefused unless the results are those of the whole old log, and all that they say is said."""
    if state.building:
        raise RepartitionRefused("a rebuild is going on, or was killed: let it end, or run `qos rebuild` again")
    names = {pair.old.topic(topic): topic for topic in INPUT_TOPICS}
    waiting = sum(end - state.offsets.get((names[tp.topic], tp.partition), 0) for tp, end in ends.items())
    if waiting:
        raise RepartitionRefused(
            f"{waiting:,} records of the old topics aren't processed: start workers with the old topics until they are"
        )
    if state.outbox:
        raise RepartitionRefused(f"{state.outbox:,} messages were written to the outbox meanwhile: stop all workers")
    if state.open_letters and not letters:
        raise RepartitionRefused(
            f"{state.open_letters:,} dead letters are open: redrive or discard them (`qos dead-letters`), for after the"
            " swap they are out of reach; or leave them where they are with --leave-dead-letters"
        )
