"""A worker is started with a wrong setting and can read nothing. It is put right, and one command makes it good."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationSubmitted, Event
from qos_domain.replay import Replay
from qos_intake.keys import new_key, operator_stanza, stanza
from qos_local.cli import app
from qos_local.simulation.simulate import simulate
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.builders import tokyo
from support.eventually import eventually
from support.live_results import LiveResults
from support.services import RunningService, running_service
from support.stack import environment_of

TODAY = tokyo("2025-04-01").date()
# A hundredth: what was driven in again would stop a worker that counted it.
LIMIT = {"QOS_PROCESSING_DEAD_LETTER_SHARE": "0.01", "QOS_PROCESSING_DEAD_LETTER_WINDOW": "5000"}


@pytest.fixture
def two_partitions(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    """So that a partition has many."""
    return runtime_settings.model_copy(update={"partitions": 2})


@pytest.fixture
async def pool(two_partitions: RuntimeSettings) -> AsyncIterator[Pool]:
    await migrate(two_partitions.database_url)
    async with admin_client(two_partitions) as admin:
        await create_topics(admin, two_partitions)
    pool = await create_pool(two_partitions.database_url, application_name="test")
    try:
        yield pool
    finally:
        await pool.close()


async def test_thousands_are_driven_in_again_by_one_command_and_count_once(
    two_partitions: RuntimeSettings, pool: Pool, tmp_path: Path, free_port: int
) -> None:
    settings = two_partitions
    simulation = simulate(seed=11, today=TODAY, cases=580, calendar=Calendar.load())
    events = [*simulation.procedures, *simulation.events]
    assert len(events) >= 3_000
    await send(settings, events)
    replay = Replay(Calendar.load())
    replay.add_all(events)
    key = new_key()
    qos = Command(free_port, key)

    # It looks for types of another prefix, and was told to let everything die.
    wrong = {"QOS_EVENT_TYPE_PREFIX": "jp.lg.tokyo.example.", "QOS_PROCESSING_DEAD_LETTER_SHARE": "1"}
    with worker(settings, wrong) as blind:
        await eventually(lambda: count(pool, "dead_letters", len(events)), within=120)
        await eventually(lambda: count(pool, "outbox", 0), within=60)
        assert blind.stop() == 0
    assert await LiveResults(pool).buckets() == {}

    with (
        running_service(
            "qos_intake",
            {
                **environment_of(settings),
                "QOS_INTAKE_PORT": str(free_port),
                "QOS_INTAKE_SOURCES_FILE": str(sources_file(tmp_path, events, key)),
            },
            ready=f"http://127.0.0.1:{free_port}/health/ready",
        ),
        worker(settings, LIMIT) as mended,
    ):
        assert "redriven" in qos.run("redrive", "--reason", "unknown_type", "--yes")
        await eventually(lambda: processed(pool, 2 * len(events)), within=120)
        assert await LiveResults(pool).buckets() == replay.buckets()
        assert await pool.fetchval("SELECT count(*) FROM dead_letters") == len(events)

        assert "There are none." in qos.run("redrive", "--reason", "unknown_type", "--yes")
        await eventually(lambda: settled(pool, len(events)), within=60)
        # What was settled doesn't stop it at the next bad records, though it stands in the window.
        meant = await send_poison(settings, events)
        await eventually(lambda: count(pool, "dead_letters", len(events) + 2), within=60)
        await eventually(lambda: count(pool, "outbox", 0, "WHERE topic = 'dead-letters'"), within=60)
        assert mended.exit_code is None
        settle_by_hand(qos)
        replay.add_all([meant])

        # Driven in a second time, on purpose: each is known already.
        assert "redriven" in qos.run("redrive", "--state", "redriven", "--reason", "unknown_type", "--yes")
        await eventually(lambda: processed(pool, 3 * len(events) + 3), within=120)
        assert await LiveResults(pool).buckets() == replay.buckets()
        assert mended.stop() == 0


class Command:
    """`qos dead-letters`, as an operator types it."""

    def __init__(self, port: int, key: str) -> None:
        address = {"QOS_INTAKE_URL": f"http://127.0.0.1:{port}", "QOS_OPERATOR_KEY": key}
        self._runner = CliRunner(env={**address, "COLUMNS": "200"})

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """What it prints. Raises AssertionError with it when it ends with another exit code."""
        done = self._runner.invoke(app, ["dead-letters", *arguments])
        assert done.exit_code == exit_code, done.output
        return done.output


def settle_by_hand(qos: Command) -> None:
    """The two letters of `send_poison`: one is nonsense and discarded, one is repaired."""
    by_reason = {letter["reason"]: letter for letter in json.loads(qos.run("list", "--format", "json"))}
    nonsense, fax = by_reason["malformed_json"]["id"], by_reason["invalid_field"]["id"]
    assert fax in qos.run("list", "--topic", "applications", "--source", by_reason["invalid_field"]["source"])
    assert "03-1234-5678" not in qos.run("show", nonsense)
    assert "03-1234-5678" in qos.run("show", nonsense, "--bytes")
    assert "may hold personal data" in qos.run("show", nonsense, "--bytes")

    assert "malformed_json: value" in qos.run("redrive", nonsense, exit_code=1)
    assert "is no JSON object" in qos.run("redrive", nonsense, "--set", "data.channel=online", exit_code=2)
    assert "discarded" in qos.run("discard", "--reason", "malformed_json", "--yes")
    assert "data.channel: one of counter" in qos.run("redrive", fax, exit_code=1)
    assert "redriven" in qos.run("redrive", fax, "--set", "data.channel=online")
    assert "There are none." in qos.run("redrive", "--all")


def worker(settings: RuntimeSettings, environment: Mapping[str, str]) -> AbstractContextManager[RunningService]:
    return running_service("qos_processing", {**environment_of(settings), "QOS_PROCESSING_PORT": "0", **environment})


def sources_file(directory: Path, events: Iterable[Event], operator_key: str) -> Path:
    """Every source of the events may emit anything of any age."""
    sources = sorted({event.source for event in events})
    entries = [
        stanza(key=new_key(), source=source, name=f"source-{number}", max_age_days="unlimited")
        for number, source in enumerate(sources)
    ]
    file = directory / "sources.toml"
    file.write_text("\n".join([*entries, operator_stanza(key=operator_key, name="saito")]), encoding="utf-8")
    return file


async def send(settings: RuntimeSettings, events: Iterable[Event]) -> None:
    rules = AcceptanceRules()
    async with producer(settings, client_id="test") as sender:
        for event in events:
            key = event.data.procedure_id.encode()
            await sender.send(settings.topic(event.topic), encode_cloudevent(event, rules), key=key)
        await sender.flush()


async def send_poison(settings: RuntimeSettings, events: Sequence[Event]) -> Event:
    """No event at all, and one whose channel is none: that one as it was meant."""
    submitted = next(event for event in events if isinstance(event.data, ApplicationSubmitted))
    data = structs.replace(submitted.data, application_id="A-by-fax", channel="online")
    meant = structs.replace(submitted, id="by-fax", data=data)
    wire = json.loads(encode_cloudevent(meant, AcceptanceRules()))
    wire["data"]["channel"] = "fax"
    key = meant.data.procedure_id.encode()
    async with producer(settings, client_id="test") as sender:
        for value in (b"{ 03-1234-5678", json.dumps(wire).encode()):
            await sender.send_and_wait(settings.topic("applications"), value, key)
    return meant


async def count(pool: Pool, table: str, rows: int, where: str = "") -> bool:
    return int(await pool.fetchval(f"SELECT count(*) FROM {table} {where}")) == rows  # noqa: S608


async def processed(pool: Pool, records: int) -> bool:
    stored = await pool.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets")
    waiting = await pool.fetchval("SELECT count(*) FROM rejudgements")
    return int(stored) >= records and not waiting


async def settled(pool: Pool, letters: int) -> bool:
    found = await pool.fetchval(
        "SELECT count(*) FROM dead_letters"
        " WHERE state = 'redriven' AND decided_by = 'saito' AND decided_at <= now() AND reason = 'unknown_type'"
    )
    return int(found) == letters
