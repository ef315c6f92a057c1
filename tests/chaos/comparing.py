"""Compares all that the system made of what was sent with the pure core's fold of it, as of one moment of rest."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg
import httpx

from chaos.announcements import Owed, told
from chaos.findings import Findings
from chaos.tables import compare_cases, compare_facts, compare_level_messages, compare_levels, compare_sums
from chaos.topics import read
from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Event, Topic
from qos_domain.facts import fact_of
from qos_domain.periods import window
from qos_domain.replay import Replay
from qos_local.demo.api import MetricsApi
from qos_local.demo.checking import Comparison, compare_procedure, compare_scope
from qos_local.offline.fold import fold
from qos_local.offline.output import as_json
from qos_processing.announcing import Announced
from qos_runtime.kafka import partition_of
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTERS, QOS_LEVELS, SLA_EVENTS
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
        await compare_facts(connection, replay, findings)
        await compare_cases(connection, replay, findings)
        await compare_sums(connection, replay, findings)
        await compare_levels(connection, replay, sent.calendar.local_date(sent.at_rest), findings)
        await compare_level_messages(connection, [record.value or b"null" for record in topics[QOS_LEVELS]], findings)
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
    fact = fact_of(event)
    return (topic, fact.source, fact.id, fact.type, fact.time, bytes(fact.data), fact.corrects)


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
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    if made.returncode not in (0, 1):
        findings.lack("qos verify", f"it ended with {made.returncode}: {made.stderr.strip()}")
        return
    verified = json.loads(made.stdout)
    findings.checked["qos verify"] += sum(verified["checked"].values())
    for mismatch in verified["mismatches"]:
        findings.surplus("qos verify", str(mismatch))
