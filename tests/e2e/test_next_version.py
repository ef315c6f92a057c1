"""The next program has other logic and a second version of an event type. It takes over from the present one.

Version 2 of `application.fee_paid` calls the amount `yen`. What is on the log in the one form and in the other comes to
the same, live, after a rebuild and in a verification with the log; and what nobody knew yet when it came isn't lost.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.events import ApplicationFeePaid, Event
from qos_domain.replay import Replay
from qos_intake.keys import new_key, operator_stanza, stanza
from qos_local.cli import app
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.builders import happened, registered
from support.eventually import eventually
from support.live_results import LiveResults
from support.releases import PRESENT, Program, with_changes
from support.stack import environment_of

pytestmark = pytest.mark.real

UPCAST = """\
def _name_the_currency(data: Data) -> Data:
    return {"yen" if name == "amount_yen" else name: value for name, value in data.items()}


UPCASTS: Upcasts = {("application.fee_paid", 1): _name_the_currency}
"""
CHANGES = {
    "qos_domain/contributions.py": {
        f"LOGIC_VERSION = {LOGIC_VERSION}\n": f"LOGIC_VERSION = {LOGIC_VERSION + 1}\n",
        "payment.payload.amount_yen": "payment.payload.yen",
    },
    "qos_domain/events.py": {"    amount_yen: Annotated": "    yen: Annotated"},
    "qos_domain/upcasting.py": {"UPCASTS: Upcasts = {}\n": UPCAST},
}


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Program:
    packages = ("qos_domain", "qos_runtime", "qos_processing", "qos_intake")
    return with_changes(tmp_path_factory.mktemp("following"), packages, CHANGES)


@pytest.fixture
def settings(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    return runtime_settings.model_copy(update={"partitions": 2})


@pytest.fixture
async def pool(settings: RuntimeSettings) -> AsyncIterator[Pool]:
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    pool = await create_pool(settings.database_url, application_name="test", max_size=2)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.mark.timeout(900)
async def test_the_next_program_takes_over_and_both_versions_come_to_the_same(
    settings: RuntimeSettings, pool: Pool, following: Program, tmp_path: Path, free_port: int
) -> None:
    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}
    live, log = LiveResults(pool), Log(settings)

    async def processed() -> bool:
        return await live.processed() == log.records and not await pool.fetchval("SELECT count(*) FROM rejudgements")

    with PRESENT.running("qos_processing", environment) as present:
        await log.append(1, registered(), *(applied(n) for n in range(10)), *(paid(n) for n in range(6)))
        # Sent too early, by an intake that was upgraded before the workers; one of them is known in version 1.
        await log.append(2, *(paid(n) for n in range(5, 10)))
        await log.append(3, paid(10))
        await eventually(processed, within=200)
        assert await buried(pool) == {("unknown_type", "type", "open"): 6}
        await equals(live, [event for event in log.events if event.id not in log.unknown])

        with following.running("qos_processing", environment) as refused:
            await eventually(lambda: refused.exit_code is not None, within=200)
            assert refused.exit_code == 1
            [crash] = refused.events("worker_crashed")
            assert crash["kind"] == "OtherLogic"
            assert "python -m qos_processing.rebuild" in crash["error"]
            assert not refused.events("partitions_placed"), "it took partitions from the one that can go on"
        await log.append(1, applied(11), paid(11))
        await eventually(processed, within=200)

        following.run("qos_processing.rebuild", environment, "--yes", "--processes", "1")
        assert await live.generations() == [(1, "old"), (2, "live")]
        await log.append(1, applied(12))
        await eventually(lambda: present.exit_code is not None, within=200)
        assert present.exit_code == 1
        assert present.events("worker_crashed")[0]["kind"] == "OtherLogic"

    with following.running("qos_processing", environment) as taking_over:
        await log.append(2, paid(12), paid(0))
        await log.append(1, paid(9))
        await eventually(processed, within=200)
        known = [event for event in log.events if event.id != paid(10).id]
        await equals(live, known)
        following.run("qos_processing.verify", environment, "--everything", "--log")

        await redriven(following, environment, tmp_path, free_port)
        log.records += 5
        await eventually(processed, within=200)
        await equals(live, known)
        await eventually(lambda: settled(pool), within=200)
        assert await no_conflict(pool)
        assert taking_over.stop() == 0


def applied(number: int) -> Event:
    return happened(
        "application.submitted", "2025-05-02", application=f"A-{number}", id=f"s-{number}", channel="online"
    )


def paid(number: int) -> Event:
    own = {"payment_id": f"P-{number}", "method": "card", "amount_yen": 100 + number}
    return happened("application.fee_paid", "2025-05-03", application=f"A-{number}", id=f"p-{number}", **own)


class Log:
    """Appends events in a version of their types. `events` are all of them, `unknown` those only in a later one."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self.events: list[Event] = []
        self.records = 0
        self.unknown: set[str] = set()

    async def append(self, version: int, *events: Event) -> None:
        async with producer(self._settings, client_id="test") as sender:
            for event in events:
                topic = self._settings.topic(event.topic)
                await sender.send_and_wait(topic, in_version(version, event), event.data.procedure_id.encode())
        if version > 1:
            self.unknown |= {event.id for event in events} - {event.id for event in self.events}
        self.events += events
        self.records += len(events)


def in_version(version: int, event: Event) -> bytes:
    """As the program of that version writes it."""
    wire = json.loads(encode_cloudevent(event, AcceptanceRules()))
    if version > 1:
        assert isinstance(event.data, ApplicationFeePaid)
        wire["type"] = wire["type"].replace(".v1", f".v{version}")
        wire["data"]["yen"] = wire["data"].pop("amount_yen")
    return json.dumps(wire).encode()


async def equals(live: LiveResults, events: list[Event]) -> None:
    replay = Replay(Calendar.load())
    replay.add_all(events)
    assert await live.buckets() == replay.buckets()
    assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}


async def buried(pool: Pool) -> dict[tuple[str, str, str], int]:
    rows = await pool.fetch("SELECT reason, field, state, count(*) FROM dead_letters GROUP BY 1, 2, 3")
    return {(row[0], row[1], row[2]): row[3] for row in rows}


async def redriven(program: Program, environment: dict[str, str], directory: Path, port: int) -> None:
    """Once intake is the next one, too: five come right, of the third version nobody knows yet."""
    key, url = new_key(), f"http://127.0.0.1:{port}"
    entries = [
        stanza(key=new_key(), source="urn:joint", name="joint", max_age_days="unlimited"),
        operator_stanza(key=key, name="saito"),
    ]
    sources = directory / "sources.toml"
    sources.write_text("\n".join(entries), "utf-8")
    own = {**environment, "QOS_INTAKE_PORT": str(port), "QOS_INTAKE_SOURCES_FILE": str(sources)}
    runner = CliRunner(env={"QOS_INTAKE_URL": url, "QOS_OPERATOR_KEY": key, "COLUMNS": "200"})
    with program.running("qos_intake", own, ready=f"{url}/health/ready"):
        done = runner.invoke(app, ["dead-letters", "redrive", "--reason", "unknown_type", "--yes"])
    assert done.exit_code == 1, done.output
    assert "redriven │ 5" in done.output
    assert "unknown_type: type" in done.output


async def settled(pool: Pool) -> bool:
    return await buried(pool) == {("unknown_type", "type", "redriven"): 5, ("unknown_type", "type", "open"): 1}


async def no_conflict(pool: Pool) -> bool:
    """The same event in both versions is the same event."""
    cases = await pool.fetch("SELECT facts FROM cases WHERE generation = 2")
    facts = [fact for (text,) in cases for fact in json.loads(text)]
    return len(facts) > 20 and not any(fact[-1] for fact in facts)
