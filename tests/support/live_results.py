"""What the live generation of a database holds, in the words of the domain."""

from collections.abc import Iterable
from typing import TypeAlias

import asyncpg

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_domain.rows import CaseRow, Row, decode_contributions
from qos_runtime.kafka import producer
from qos_runtime.postgres import Pool
from qos_runtime.settings import RuntimeSettings

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LIVE = "generation = (SELECT generation FROM generations WHERE status = 'live')"


async def append(settings: RuntimeSettings, events: Iterable[Event]) -> None:
    """Append the events to the input topics, in this order, and return when they are acknowledged."""
    rules = AcceptanceRules()
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        for event in events:
            key = event.data.procedure_id.encode()
            await sender.send(settings.topic(event.topic), encode_cloudevent(event, rules), key=key)
        await sender.flush()
    finally:
        await sender.stop()


class LiveResults:
    """With a pool it may be asked several things at once."""

    def __init__(self, database: "Pool | Connection") -> None:
        self._database = database

    async def cases(self) -> dict[tuple[str, str], tuple[CaseRow, dict[Row, int]]]:
        """Every case that counts somewhere, with what it contributes: as `Replay.projections` gives them."""
        names = [name for name in CaseRow.__struct_fields__ if name != "suspended"]
        found = {}
        statement = f"SELECT * FROM cases WHERE {_LIVE} AND reference_date IS NOT NULL"  # noqa: S608
        for row in await self._database.fetch(statement):
            suspended = tuple((span.lower, span.upper) for span in row["suspended"])
            case = CaseRow(**{name: row[name] for name in names}, suspended=suspended)
            found[row["procedure_id"], row["application_id"]] = (case, decode_contributions(row["contributions"]))
        return found

    async def buckets(self) -> dict[str, dict[Row, int]]:
        """Day buckets by procedure, without those that are 0: as `Replay.buckets` gives them."""
        found: dict[str, dict[Row, int]] = {}
        columns = "procedure_id, organisation_id, date, channel, online, measure, bin, value"
        statement = f"SELECT {columns} FROM day_buckets WHERE {_LIVE} AND value <> 0"  # noqa: S608
        for procedure_id, organisation_id, day, *rest, value in await self._database.fetch(statement):
            found.setdefault(procedure_id, {})[Row(organisation_id, day.toordinal(), *rest)] = value
        return found

    async def announced(self) -> dict[tuple[str, str], tuple[str, int]]:
        """What was said last of each case of which anything was, and how many things were."""
        statement = f"""
            SELECT procedure_id, application_id, announced, announcements FROM cases
            WHERE {_LIVE} AND announcements > 0
        """  # noqa: S608
        rows = await self._database.fetch(statement)
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    async def processed(self) -> int:
        """How many records of the log are in it."""
        statement = f"SELECT coalesce(sum(next_offset), 0)::bigint FROM partition_offsets WHERE {_LIVE}"  # noqa: S608
        return int(await self._database.fetchval(statement))

    async def generations(self) -> list[tuple[int, str]]:
        rows = await self._database.fetch("SELECT generation, status FROM generations ORDER BY generation")
        return [tuple(row) for row in rows]
