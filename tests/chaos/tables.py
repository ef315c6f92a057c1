"""The tables of the live generation beside the fold: events, cases, contributions, buckets, totals, levels."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from chaos.findings import Findings
from qos_domain.facts import Facts, decode_facts, encode_facts
from qos_domain.replay import Replay
from qos_domain.rows import Row
from support.live_results import Connection, LiveResults
from support.processing import scope_sums
from support.results import assessment

_LIVE = "generation = (SELECT generation FROM generations WHERE status = 'live')"


async def compare_facts(connection: Connection, replay: Replay, findings: Findings) -> None:
    """Each event of a case and of the registry, once."""
    stored = await connection.fetch(f"SELECT procedure_id, application_id, facts FROM cases WHERE {_LIVE}")  # noqa: S608
    results = {
        (*key, *name): text for *key, facts in map(tuple, stored) for name, text in _texts(decode_facts(facts)).items()
    }
    expected = {(*key, *name): text for key, facts in replay.cases.items() for name, text in _texts(facts).items()}
    findings.rows("events of cases", expected, results)
    registered = await connection.fetch(
        f"SELECT procedure_id, source, id, fact FROM procedure_facts WHERE {_LIVE}"  # noqa: S608
    )
    findings.rows(
        "events of the registry",
        {(p, *name): text for p, facts in replay.registry.items() for name, text in _texts(facts).items()},
        {(p, source, id_): f"[{fact}]" for p, source, id_, fact in map(tuple, registered)},
    )


def _texts(facts: Facts) -> dict[tuple[str, str], str]:
    return {name: encode_facts({name: fact}) for name, fact in facts.items()}


async def compare_cases(connection: Connection, replay: Replay, findings: Findings) -> None:
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


async def compare_sums(connection: Connection, replay: Replay, findings: Findings) -> None:
    """Each day bucket, and each total of an organisation and of everything, with what isn't added up yet."""
    expected = replay.buckets()
    results = await LiveResults(connection).buckets()
    findings.sums("day buckets", _flat(expected), _flat(results))
    totals: Counter[tuple[bool, Row]] = Counter()
    rows = await connection.fetch(
        f"""
        SELECT everything, organisation_id, date, channel, online, measure, bin, value FROM scope_buckets
        WHERE {_LIVE}
        UNION ALL
        SELECT e.*, CASE WHEN e THEN '' ELSE organisation_id END, date, channel, online, measure, bin, value
        FROM scope_bucket_changes, (VALUES (true), (false)) AS e (e)
        WHERE {_LIVE}
        """  # noqa: S608
    )
    for everything, organisation_id, day, *rest, value in map(tuple, rows):
        totals[everything, Row(organisation_id, day.toordinal(), *rest)] += value
    findings.sums("totals", scope_sums(expected), totals)


def _flat(buckets: Mapping[str, Mapping[Row, int]]) -> dict[tuple[str, Row], int]:
    return {(procedure_id, row): n for procedure_id, rows in buckets.items() for row, n in rows.items()}


async def compare_levels(connection: Connection, replay: Replay, as_of: date, findings: Findings) -> None:
    """The live assessment, as of a day, of each procedure that is offered on it; without how fresh its data was."""
    buckets = replay.buckets()
    expected = {}
    for procedure_id in replay.registry:
        version = replay.history(procedure_id).at(as_of)
        if version is not None and not version.retired:
            made = assessment(replay.history(procedure_id), buckets.get(procedure_id, {}), as_of)
            expected[procedure_id] = _without_freshness(json.loads(msgspec.json.encode(made)))
    rows = await connection.fetch("SELECT procedure_id, live::text FROM levels")
    findings.rows("levels", expected, {row[0]: _without_freshness(json.loads(row[1])) for row in rows})


async def compare_level_messages(connection: Connection, values: Sequence[bytes], findings: Findings) -> None:
    """Of the messages of a procedure, that with the greatest revision says what the table does."""
    rows = await connection.fetch("SELECT procedure_id, revision, live::text FROM levels")
    last: dict[str, tuple[int, Any]] = {}
    for value in values:
        data = json.loads(value)["data"]
        if data["revision"] >= last.get(data["procedure_id"], (0, None))[0]:
            last[data["procedure_id"]] = (data["revision"], _timeless(data["assessment"]))
    findings.rows("messages of levels", {row[0]: (row[1], _timeless(json.loads(row[2]))) for row in rows}, last)


def _without_freshness(document: dict[str, Any]) -> dict[str, Any]:
    lineage = {name: value for name, value in document["lineage"].items() if name != "freshness"}
    return {**document, "lineage": lineage}


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    """An assessment that says the same on the next day isn't told again."""
    return {**_without_freshness(document), "as_of": None}
