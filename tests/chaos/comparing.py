"""Compares all that the system made of what was sent with the pure core's fold of it, as of one moment of rest."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg
import httpx
import msgspec

from chaos.announcements import Owed, told
from chaos.findings import Findings
from chaos.topics import read
from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Event, Topic
from qos_domain.facts import Facts, decode_facts, encode_facts, fact_of
from qos_domain.periods import window
from qos_domain.replay import Replay
from qos_domain.rows import Row
from qos_local.demo.api import MetricsApi
from qos_local.demo.checking import Comparison, compare_procedure, compare_scope
from qos_local.offline.fold import fold
from qos_local.offline.output import as_json
from qos_processing.announcing import Announced
from qos_runtime.kafka import partition_of
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTERS, QOS_LEVELS, SLA_EVENTS
from support.live_results import LiveResults
from support.processing import scope_sums
from support.results import assessment
from support.stack import environment_of

WINDOW = "365d"
_LIVE = "(SELECT generation FROM generations WHERE status = 'live')"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run sent, and between which moments it came to rest."""

    events: Sequence[Event]
    last_day: date
    at_rest: datetime
    calendar: Calendar


async def compare(settings: RuntimeSettings, metrics_url: str, sent: Sent) -> Findings:
    """Every difference. Nothing may be sent, and nothing may be left to do (`settled`)."""
    findings = Findings()
    replay = Replay(sent.calendar)
    replay.add_all(sent.events)
    topics = await read(settings, [*INPUT_TOPICS, QOS_LEVELS, SLA_EVENTS, DEAD_LETTERS])
    log = _log(settings, {topic: topics[topic] for topic in INPUT_TOPICS}, sent.events, findings)
    for record in topics[DEAD_LETTERS]:
        findings.surplus("dead letters", f"{record.value!r}")
    connection = await asyncpg.connect(settings.database_url, command_timeout=60)
    try:
        await _facts(connection, replay, findings)
        await _cases(connection, replay, findings)
        await _sums(connection, replay, findings)
        await _levels(connection, replay, topics[QOS_LEVELS], findings)
        await _announced(connection, settings, log, topics[SLA_EVENTS], sent, findings)
    finally:
        await connection.close()
    await _figures(metrics_url, replay, sent.last_day, findings)
    await asyncio.to_thread(_verify, settings, findings)
    return findings


def _log(
    settings: RuntimeSettings,
    records: "Mapping[str, Sequence[Any]]",
    sent: Sequence[Event],
    findings: Findings,
) -> dict[Topic, list[Event]]:
    """The log holds every event that was acknowledged, on its partition, and none that was never sent."""
    rules = AcceptanceRules(type_prefix=settings.event_type_prefix)
    log: dict[Topic, list[Event]] = {topic: [] for topic in INPUT_TOPICS}
    found: dict[tuple[object, ...], int] = {}
    for topic in INPUT_TOPICS:
        for record in records[topic]:
            event = decode_cloudevent(record.value, rules)
            log[topic].append(event)
            found[_identity(event, topic)] = record.partition
    expected = {_identity(e, e.topic): partition_of(e.data.procedure_id.encode(), settings.partitions) for e in sent}
    findings.rows("events in the log", expected, found)
    return log


def _identity(event: Event, topic: str) -> tuple[object, ...]:
    return (topic, *msgspec.structs.astuple(fact_of(event))[:3], event.time.isoformat(), event.corrects)


async def _facts(connection: "asyncpg.Connection[asyncpg.Record]", replay: Replay, findings: Findings) -> None:
    """Each event of a case and of the registry, once."""
    stored = await connection.fetch(f"SELECT procedure_id, application_id, facts FROM cases WHERE generation = {_LIVE}")  # noqa: S608
    results = {
        (*key, *name): text for *key, facts in map(tuple, stored) for name, text in _texts(decode_facts(facts)).items()
    }
    expected = {(*key, *name): text for key, facts in replay.cases.items() for name, text in _texts(facts).items()}
    findings.rows("events of cases", expected, results)
    registered = await connection.fetch(
        f"SELECT procedure_id, source, id, fact FROM procedure_facts WHERE generation = {_LIVE}"  # noqa: S608
    )
    findings.rows(
        "events of the registry",
        {(p, *name): text for p, facts in replay.registry.items() for name, text in _texts(facts).items()},
        {(p, source, id_): f"[{fact}]" for p, source, id_, fact in map(tuple, registered)},
    )


def _texts(facts: Facts) -> dict[tuple[str, str], str]:
    return {name: encode_facts({name: fact}) for name, fact in facts.items()}


async def _cases(connection: "asyncpg.Connection[asyncpg.Record]", replay: Replay, findings: Findings) -> None:
    """Each case's row, and what it contributes to day buckets."""
    results = await LiveResults(connection).cases()
    expected = dict(replay.projections())
    findings.rows(
        "cases",
        {key: projection.case for key, projection in expected.items()},
        {key: case for key, (case, _) in results.items()},
    )
    findings.sums(
        "contributions",
        {(*key, row): n for key, each in expected.items() for row, n in each.contributions.items()},
        {(*key, row): n for key, (_, contributions) in results.items() for row, n in contributions.items()},
    )


async def _sums(connection: "asyncpg.Connection[asyncpg.Record]", replay: Replay, findings: Findings) -> None:
    """Each day bucket, and each total of an organisation and of everything."""
    expected = replay.buckets()
    results = await LiveResults(connection).buckets()
    findings.sums("day buckets", _flat(expected), _flat(results))
    totals: Counter[tuple[bool, Row]] = Counter()
    rows = await connection.fetch(
        f"""
        SELECT everything, organisation_id, date, channel, online, measure, bin, value FROM scope_buckets
        WHERE generation = {_LIVE}
        """  # noqa: S608
    )
    for everything, organisation_id, day, *rest, value in map(tuple, rows):
        totals[everything, Row(organisation_id, day.toordinal(), *rest)] += value
    findings.sums("totals", scope_sums(expected), totals)


def _flat(buckets: Mapping[str, Mapping[Row, int]]) -> dict[tuple[str, Row], int]:
    return {(procedure_id, row): n for procedure_id, rows in buckets.items() for row, n in rows.items()}


async def _levels(
    connection: "asyncpg.Connection[asyncpg.Record]",
    replay: Replay,
    messages: "Sequence[Any]",
    findings: Findings,
) -> None:
    """Each procedure's live assessment, and that the message with the greatest revision says the same."""
    rows = await connection.fetch("SELECT procedure_id, revision, as_of, live::text FROM levels")
    buckets = replay.buckets()
    results = {row[0]: _without_freshness(json.loads(row[3])) for row in rows}
    expected = {}
    for procedure_id in replay.registry:
        as_of = next((row[2] for row in rows if row[0] == procedure_id), date.min)
        version = replay.history(procedure_id).at(as_of)
        if version is not None and not version.retired:
            made = assessment(replay.history(procedure_id), buckets.get(procedure_id, {}), as_of)
            expected[procedure_id] = _without_freshness(json.loads(msgspec.json.encode(made)))
    findings.rows("levels", expected, results)
    last: dict[str, tuple[int, Any]] = {}
    for record in messages:
        data = json.loads(record.value)["data"]
        if data["revision"] >= last.get(data["procedure_id"], (0, None))[0]:
            last[data["procedure_id"]] = (data["revision"], data["assessment"])
    findings.rows(
        "messages of levels",
        {row[0]: (row[1], _timeless(json.loads(row[3]))) for row in rows},
        {name: (revision, _timeless(said)) for name, (revision, said) in last.items()},
    )


def _without_freshness(document: dict[str, Any]) -> dict[str, Any]:
    lineage = {name: value for name, value in document["lineage"].items() if name != "freshness"}
    return {**document, "lineage": lineage}


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    """An assessment that says the same on the next day isn't told again."""
    return {**_without_freshness(document), "as_of": None}


async def _announced(
    connection: "asyncpg.Connection[asyncpg.Record]",
    settings: RuntimeSettings,
    log: Mapping[Topic, Sequence[Event]],
    messages: "Sequence[Any]",
    sent: Sent,
    findings: Findings,
) -> None:
    rows = await connection.fetch(
        f"""
        SELECT procedure_id, application_id, announced, announced_breach_date, announcements, now() FROM cases
        WHERE generation = {_LIVE} AND announcements > 0
        """  # noqa: S608
    )
    announced = {(row[0], row[1]): Announced(*tuple(row)[2:5]) for row in rows}
    ends = [sent.at_rest, await connection.fetchval("SELECT now()")]
    on_topic = told(messages, settings.event_type_prefix, findings)
    Owed(log, sent.calendar).check(announced, on_topic, ends, findings)


async def _figures(metrics_url: str, replay: Replay, as_of: date, findings: Findings) -> None:
    """What the metrics API answers of every procedure, every organisation and everything."""
    folded = as_json(fold(replay, as_of=as_of, window=window(WINDOW, as_of), criteria=criteria.load()))
    async with httpx.AsyncClient(timeout=60) as http:
        api = MetricsApi(http, metrics_url)
        for name, each in folded["procedures"].items():
            if each["assessment"] is not None:
                answer = await api.procedure(name, as_of=as_of, window=WINDOW)
                _add(compare_procedure(name, answer, each), findings)
        for name, report in folded["organisations"].items():
            _add(compare_scope(name, await api.organisation(name, as_of=as_of, window=WINDOW), report), findings)
        everything = await api.all_indicators(as_of=as_of, window=WINDOW)
        _add(compare_scope("all", everything, folded["all"]), findings)


def _add(comparison: Comparison, findings: Findings) -> None:
    count, differences = comparison
    findings.checked["figures of the API"] += count - len(differences)
    findings.rows(
        "figures of the API",
        {each.path: each.of_fold for each in differences},
        {each.path: each.of_services for each in differences},
    )


def _verify(settings: RuntimeSettings, findings: Findings) -> None:
    """`qos verify --everything --log`: each mismatch is a thing that the results ought not to have."""
    command = [sys.executable, "-m", "qos_local", "verify", "--everything", "--log", "--format", "json"]
    environment = {**os.environ, **environment_of(settings)}
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if made.returncode not in (0, 1):
        findings.lack("qos verify", f"it ended with {made.returncode}: {made.stderr.strip()}")
        return
    verified = json.loads(made.stdout)
    findings.checked["qos verify"] += sum(verified["checked"].values())
    for mismatch in verified["mismatches"]:
        findings.surplus("qos verify", str(mismatch))
