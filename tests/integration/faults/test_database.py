"""A database that is set back to a backup, and one whose disk is full: what comes out in the end is what was sent."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from chaos.backup import Backup
from chaos.disk import refuses_to_grow, small_database_disk
from chaos.fleet import Member
from chaos.ground import Ground, ground
from chaos.topics import read
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_runtime.dead_letters import DeadLetterDecision, dead_letter_id, encode_decision
from qos_runtime.kafka import partition_of, producer
from qos_runtime.topics import DEAD_LETTER_DECISIONS, DEAD_LETTERS, QOS_LEVELS, SLA_EVENTS
from support.absent import absent
from support.builders import happened, registered
from support.eventually import eventually
from support.live_results import LiveResults, append

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

CALENDAR = Calendar.load()
Story = list[Event]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Ground]:
    """A broker and a database of its own: both are stopped and started."""
    async with ground() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def workers(place: Ground) -> AsyncIterator[list[Member]]:
    members = [await place.start_worker() for _ in range(2)]
    for member in members:
        await place.fleet.ready(member)
    yield members
    for member in members:
        await place.fleet.stop(member)


def submitted(application: str, procedure: str = "road-occupation") -> Event:
    """Its five business days were over long ago."""
    return happened(
        "application.submitted", "2026-05-07", application=application, procedure=procedure, channel="online"
    )


def in_time(application: str) -> Event:
    """Its result had been sent within the period: what was said of a breach was wrong."""
    return happened("notification.sent", "2026-05-08", application=application, channel="mail")


def too_late(application: str) -> Event:
    return happened("notification.sent", "2026-06-30", application=application, channel="mail")


async def ask(place: Ground, statement: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(place.database_url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def equal(place: Ground, statement: str, expected: object) -> Callable[[], Any]:
    """A probe: asks the database, which may be away."""

    async def probe() -> bool:
        try:
            found = await ask(place, statement)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise AssertionError(f"PostgreSQL is away ({type(error).__name__})") from error
        assert found == expected
        return True

    return probe


async def exact(place: Ground, sent: Sequence[Event]) -> None:
    """Cases and buckets are the fold of what was sent."""
    replay = Replay(CALENDAR)
    replay.add_all(sent)
    connection = await asyncpg.connect(place.database_url)
    try:
        assert await LiveResults(connection).cases() == {
            key: (projection.case, projection.contributions) for key, projection in replay.projections()
        }
        assert await LiveResults(connection).buckets() == replay.buckets()
    finally:
        await connection.close()


async def told(place: Ground) -> dict[str, list[tuple[str, str]]]:
    """What stands on `sla-events`, by application: ids and types, in their order."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for record in (await read(place.settings, [SLA_EVENTS]))[SLA_EVENTS]:
        event = json.loads(record.value)
        found[event["data"]["application_id"]].append((event["id"], event["type"].split(".")[-2]))
    return found


def numbered(application: str, *kinds: str) -> list[tuple[str, str]]:
    return [(f"sla:road-occupation:{application}:{number}", kind) for number, kind in enumerate(kinds, start=1)]


async def dead_letter(place: Ground, key: str) -> None:
    """A record that nobody can read, and the decision to leave it, as intake writes it."""
    sender = producer(place.settings, client_id="test")
    await sender.start()
    try:
        sent = await sender.send_and_wait(place.settings.topic("applications"), b"nothing", key=key.encode())
        letter = dead_letter_id("applications", sent.partition, sent.offset)
        await eventually(lambda: _buried(place, letter))
        decision = DeadLetterDecision(
            id=letter,
            topic="applications",
            partition=sent.partition,
            offset=sent.offset,
            state="discarded",
            by="somebody",
        )
        topic = place.settings.topic(DEAD_LETTER_DECISIONS)
        await sender.send_and_wait(topic, encode_decision(decision), key=letter.encode(), partition=sent.partition)
    finally:
        await sender.stop()


async def _buried(place: Ground, letter: str) -> bool:
    records = (await read(place.settings, [DEAD_LETTERS]))[DEAD_LETTERS]
    return letter in {json.loads(record.value)["id"] for record in records}


LETTERS = 'SELECT topic, partition, "offset", state, decided_by, reason FROM dead_letters ORDER BY 1, 2, 3'
ANNOUNCED = "SELECT application_id, announced, announcements FROM cases WHERE announcements > 0 ORDER BY 1"
RETRACTED = "SELECT procedure_id, date, breaches FROM retracted_breaches ORDER BY 1, 2"
STORED = "SELECT topic, partition, next_offset FROM partition_offsets ORDER BY 1, 2"
NOTHING_LEFT = """
    SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM touched_procedures),
        (SELECT count(*) FROM cases WHERE next_announcement_at <= now())
"""


async def test_a_database_that_is_set_back_ends_where_it_was(place: Ground, workers: list[Member]) -> None:
    """Nothing is sent to most partitions afterwards, and no worker is started again."""
    sent = [registered(), *(submitted(f"before-{n}") for n in range(4))]
    await append(place.settings, sent)
    await eventually(equal(place, "SELECT count(*) FROM cases WHERE announced = 'breached'", [(4,)]))
    backup = await Backup.take(place)

    after = [
        too_late("before-0"),
        in_time("before-1"),
        *(submitted(f"after-{n}") for n in range(3)),
        registered(procedure="elsewhere"),
        submitted("far", procedure="elsewhere"),
    ]
    await append(place.settings, after)
    await dead_letter(place, "elsewhere")
    await eventually(equal(place, "SELECT count(*) FROM cases WHERE announcements > 0", [(8,)]))
    await append(place.settings, taken_back := [in_time("after-0")])
    await eventually(equal(place, "SELECT state FROM dead_letters", [("discarded",)]))
    await eventually(equal(place, "SELECT sum(breaches)::int FROM retracted_breaches", [(2,)]))
    await eventually(equal(place, NOTHING_LEFT, [(0, 0, 0)]))
    before = {what: await ask(place, what) for what in (LETTERS, ANNOUNCED, RETRACTED, STORED)}
    revisions = dict(await ask(place, "SELECT procedure_id, revision FROM levels"))
    said = await told(place)

    # Frozen while it happens, they wake up to another database, and to a fact that came meanwhile.
    for worker in workers:
        worker.process.pause()
    late = [in_time("after-1")]
    await append(place.settings, late)
    await backup.restore(place)
    assert dict(await ask(place, "SELECT announced, count(*) FROM cases GROUP BY 1")) == {"breached": 4}
    for worker in workers:
        worker.process.resume()

    number = partition_of(b"road-occupation", place.settings.partitions)
    stored = [(t, p, n + (t == "notifications" and p == number)) for t, p, n in before[STORED]]
    await eventually(equal(place, STORED, stored), within=120)
    retracted = [
        ("after-1", "retracted", 2) if name == "after-1" else (name, *rest) for name, *rest in before[ANNOUNCED]
    ]
    await eventually(equal(place, ANNOUNCED, retracted), within=60)
    await eventually(equal(place, NOTHING_LEFT, [(0, 0, 0)]))
    assert await ask(place, LETTERS) == before[LETTERS]
    assert await ask(place, "SELECT sum(breaches)::int FROM retracted_breaches") == [(3,)]
    await exact(place, [*sent, *after, *taken_back, *late])
    for name, revision in await ask(place, "SELECT procedure_id, revision FROM levels"):
        assert revision >= revisions[name]

    # Nothing was said twice, and what is said next has the next number.
    await append(place.settings, more := [too_late("after-2")])
    await eventually(
        equal(
            place,
            ANNOUNCED.replace("> 0", "= 2"),
            [
                ("after-0", "retracted", 2),
                ("after-1", "retracted", 2),
                ("after-2", "recovered", 2),
                ("before-0", "recovered", 2),
                ("before-1", "retracted", 2),
            ],
        )
    )
    await eventually(equal(place, NOTHING_LEFT, [(0, 0, 0)]))
    said |= {
        "after-1": numbered("after-1", "breached", "breach_retracted"),
        "after-2": numbered("after-2", "breached", "recovered"),
    }
    assert await told(place) == said
    await exact(place, [*sent, *after, *taken_back, *late, *more])
    last = {}
    for record in (await read(place.settings, [QOS_LEVELS]))[QOS_LEVELS]:
        data = json.loads(record.value)["data"]
        assert data["revision"] > last.get(data["procedure_id"], 0)
        last[data["procedure_id"]] = data["revision"]
    assert last == dict(await ask(place, "SELECT procedure_id, revision FROM levels"))


async def test_a_full_disk_loses_nothing(place: Ground, workers: list[Member]) -> None:
    procedure = "on-a-full-disk"
    pids = [worker.process.pid for worker in workers]
    disk_of = small_database_disk(place)
    try:
        disk = await disk_of.__aenter__()
    except AssertionError as failure:
        absent(str(failure))
    try:
        await asyncio.to_thread(disk.fill)
        await eventually(lambda: refuses_to_grow(place.database_url), within=30)
        sent = [registered(procedure=procedure), *(submitted(f"full-{n}", procedure) for n in range(3_000))]
        await append(place.settings, sent)
        await eventually(lambda: _says_so(workers), within=60)
        await asyncio.to_thread(disk.make_room)
        await place.start_postgres()
        count = "SELECT count(*) FROM cases WHERE procedure_id = 'on-a-full-disk'"
        await eventually(equal(place, count, [(3_000,)]), within=120)
    finally:
        await disk_of.__aexit__(None, None, None)
    await eventually(equal(place, count, [(3_000,)]), within=60)
    # Cases that came before their procedure are judged anew once it is there.
    known = "SELECT count(*) FROM procedures WHERE procedure_id = 'on-a-full-disk'"
    await eventually(equal(place, known, [(1,)]), within=60)
    await eventually(equal(place, "SELECT count(*) FROM rejudgements", [(0,)]), within=60)
    replay = Replay(CALENDAR)
    replay.add_all(sent)
    connection = await asyncpg.connect(place.database_url)
    try:
        assert (await LiveResults(connection).buckets())[procedure] == replay.buckets()[procedure]
    finally:
        await connection.close()
    assert [worker.process.pid for worker in workers] == pids


async def _says_so(workers: list[Member]) -> bool:
    """One of them names the cause in its log, and isn't ready because of it."""
    async with httpx.AsyncClient(timeout=10.0) as http:
        for worker in workers:
            retried = worker.process.events("transaction_retried")
            if any(event["error"] == "DiskFullError" and "No space left" in event["reason"] for event in retried):
                ready = (await http.get(f"{worker.url}/health/ready")).json()
                checks = ready["checks"]
                return not (checks["writing"]["ok"] and checks["database"]["ok"])
    return False
