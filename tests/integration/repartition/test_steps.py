"""Copy, swap, drop: each is refused until the one before it is done, and nothing that was written is left behind."""

import pytest

from qos_domain.events import Event
from qos_processing.migrate import migrate
from qos_processing.ports import LogMismatch
from qos_processing.repartition import renumbering
from qos_processing.repartition.copying import Copier
from qos_processing.repartition.pair import COPIED_FROM, Pair, RepartitionRefused, pair
from qos_processing.repartition.reading import ends_of, last_records
from qos_processing.repartition.swapping import Swapped, drop_old, swap
from qos_processing.topic_ids import TopicIdentity
from qos_processing.verify.verification import Scope
from qos_runtime.clock import SystemClock
from qos_runtime.errors import TopicsNotReady
from qos_runtime.kafka import admin_client, partition_of, producer
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, create_topics
from support.builders import happened, registered
from support.ground import PARTITIONS, Ground
from support.live_results import append
from support.verifying import verifier

pytestmark = pytest.mark.real

MORE = 5


def submitted(application: str, procedure: str = "road-occupation") -> Event:
    return happened(
        "application.submitted", "2025-05-02", procedure=procedure, application=application, channel="online"
    )


def topics(ground: Ground, suffix: str = "v2.") -> Pair:
    return pair(ground.settings, prefix=f"{ground.settings.topic_prefix}{suffix}", partitions=MORE)


async def copied(to: Pair) -> int:
    return (await Copier(to, quiet_seconds=0).run(finish=True)).records


async def swapped(to: Pair, *, leave_dead_letters: bool = False, refold: bool = False) -> Swapped:
    return await swap(to, clock=SystemClock(), leave_dead_letters=leave_dead_letters, refold=refold, quiet_seconds=0)


def test_targets_that_are_none(runtime_settings: RuntimeSettings) -> None:
    settings = runtime_settings.model_copy(update={"partitions": 4})
    for prefix, partitions, why in (
        (settings.topic_prefix, 8, "name another one"),
        ("v2.", 3, "are fewer than the 4 there are"),
        ("v2 ", 8, "topic_prefix"),
        ("v2.", 2_000, "partitions"),
    ):
        with pytest.raises(RepartitionRefused, match=why):
            pair(settings, prefix=prefix, partitions=partitions)
    assert pair(settings, prefix="v2.", partitions=4).new.topic("reviews") == "v2.reviews"


async def test_from_two_partitions_to_five(ground: Ground) -> None:
    to = topics(ground)
    events = [registered(), *(registered(procedure=f"permit-{n}") for n in range(6)), submitted("A-1")]
    events += [submitted("A-2", f"permit-{n}") for n in range(6)]
    await ground.receive(*events)
    await append_raw(ground.settings, b"no event")
    ground.p.log.append_raw("applications", b"any", b"no event", ground.p.clock.at)
    await ground.p.catch_up()
    assert await ground.p.sweep.sweep() > 0
    await ground.p.assessor.assess_touched()
    waiting = await ground.p.pool.fetchval("SELECT count(*) FROM outbox")
    assert waiting > 0

    with pytest.raises(TopicsNotReady, match="missing topics"):
        await swapped(to)
    assert await copied(to) == len(events)
    assert await copied(to) == 0
    with pytest.raises(RepartitionRefused, match="1 dead letters are open"):
        await swapped(to)
    # What waited in the outbox is told on the old topics, and copied.
    assert await ground.p.pool.fetchval("SELECT count(*) FROM outbox") == 0
    assert sum((await ends_of(to.new, ("qos-levels",))).values()) == 7
    late = submitted("A-9", "permit-3")
    await append(ground.settings, [late])
    with pytest.raises(RepartitionRefused, match="1 records of the old topics aren't processed"):
        await swapped(to, leave_dead_letters=True)
    await ground.p.receive(late)
    with pytest.raises(RepartitionRefused, match="`qos repartition swap` comes first"):
        await drop_old(to)
    before = await ground.live.cases()

    moved = await swapped(to, leave_dead_letters=True)

    assert (moved.procedures, moved.records) == (7, len(events) + 1)
    assert await ground.live.cases() == before
    assert await ground.p.pool.fetchval("SELECT state FROM dead_letters") == "discarded"
    assert (await verifier(to.new)(Scope(log=True))).clean
    numbers = {name: partition_of(name.encode(), MORE) for name in ("road-occupation", "permit-3", "permit-5")}
    for table in ("cases", "procedures", "levels"):
        rows = dict(map(tuple, await ground.p.pool.fetch(f"SELECT procedure_id, partition FROM {table}")))  # noqa: S608
        assert {name: rows[name] for name in numbers} == numbers
    with pytest.raises(RepartitionRefused, match="stand on the new topics already"):
        await swapped(to)

    # Somebody wrote to the old topics after all.
    await append(ground.settings, [submitted("A-10", "permit-4")])
    with pytest.raises(RepartitionRefused, match="1 records were appended to the old topics since"):
        await drop_old(to)
    assert await copied(to) == 1
    assert len(await drop_old(to)) == 10
    found = await last_records(to.new, await ends_of(to.new, ("applications",)))
    places = {dict(record.headers)[COPIED_FROM].decode() for record in found.values()}
    assert f"applications-{partition_of(b'permit-4', PARTITIONS)}" in {place.rpartition("-")[0] for place in places}


async def test_somebody_writes_to_the_new_topics_before_the_swap(ground: Ground) -> None:
    """It counts when workers read them from their beginning: what is in already changes nothing."""
    to, early = topics(ground), submitted("E-1")
    await ground.receive(registered(), submitted("A-1"))
    await copied(to)
    await append(to.new, [early])
    with pytest.raises(RepartitionRefused, match="somebody else writes to"):
        await copied(to)
    with pytest.raises(RepartitionRefused, match="swap with --refold"):
        await swapped(to)
    await swapped(to, refold=True)
    assert await ground.p.service.start_offset("applications", partition_of(b"road-occupation", MORE)) == 0


async def test_topics_that_are_there_already(ground: Ground) -> None:
    await ground.receive(registered())
    to = topics(ground, "other.")
    async with admin_client(to.new) as admin:
        await create_topics(admin, to.new.model_copy(update={"partitions": 3}), INPUT)
    with pytest.raises(TopicsNotReady, match="partitions is 3, wanted 5"):
        await copied(to)
    to = topics(ground, "used.")
    async with admin_client(to.new) as admin:
        await create_topics(admin, to.new)
    await append(to.new, [registered()])
    with pytest.raises(RepartitionRefused, match="choose another prefix"):
        await copied(to)


async def test_a_worker_of_the_old_topics_does_not_start_after_the_swap(ground: Ground) -> None:
    to = topics(ground)
    await ground.receive(registered())
    await copied(to)
    await swapped(to)
    for settings, right in ((to.new, True), (to.old, False)):
        pool = await create_pool(settings.database_url, application_name="test", max_size=1)
        try:
            if right:
                await TopicIdentity(pool, settings).verify()
            else:
                with pytest.raises(LogMismatch, match="QOS_TOPIC_PREFIX"):
                    await TopicIdentity(pool, settings).verify()
        finally:
            await pool.close()


async def test_every_table_that_knows_partition_numbers_is_thought_of(database_url: str) -> None:
    """A new one has to be renumbered at a swap, or to say why not."""
    await migrate(database_url)
    pool = await create_pool(database_url, application_name="test", max_size=1)
    try:
        rows = await pool.fetch("""
            SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE a.attname = 'partition' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND c.relnamespace = 'public'::regnamespace
        """)
    finally:
        await pool.close()
    known = {*renumbering.BY_PROCEDURE, *renumbering.OF_A_PARTITION, *renumbering.NOT_RENUMBERED, "levels"}
    assert {row[0] for row in rows} <= known


async def append_raw(settings: RuntimeSettings, value: bytes) -> None:
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("applications"), value, key=b"any")
    finally:
        await sender.stop()
