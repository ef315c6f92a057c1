"""What verifications found and how far a rebuild is, for Prometheus: jobs that end can't be scraped, so they leave it
in the database. Read in the background, scraped from memory."""

import asyncio
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from qos_domain.errors import TransientFailure
from qos_metrics.postgres import Connection, PostgresStore
from qos_runtime import metric_defs as defs
from qos_runtime.logging import get_logger
from qos_runtime.metric import Metric as Definition

log = get_logger(__name__)

_VERIFIED = """
    SELECT DISTINCT ON (what) what, checked, mismatches, extract(epoch FROM finished_at)::float8
    FROM verifications ORDER BY what, finished_at DESC
"""
_REBUILDING = "SELECT sum(records_read)::float8, sum(records_total)::float8 FROM rebuild_shares"


class Upkeep(Collector):
    """Reads now and then, and gives Prometheus what was read last."""

    def __init__(self, store: PostgresStore, *, every: float) -> None:
        self._store = store
        self._every = every
        self._families: list[Metric] = []

    async def run(self) -> None:
        """Reads for ever; a failure keeps what was read last."""
        while True:
            try:
                await self.read()
            except TransientFailure as error:
                log.warning("upkeep_not_read", error=str(error))
            await asyncio.sleep(self._every)

    async def read(self) -> None:
        """Reads once. Raises TransientFailure."""
        async with self._store.reading() as (connection, _):
            self._families = [*await _verified(connection), *await _rebuilding(connection)]

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        """What was read last; no database is asked."""
        yield from self._families


async def _verified(connection: Connection) -> list[Metric]:
    checked, mismatches, finished = map(_family, (defs.VERIFY_CHECKED, defs.VERIFY_MISMATCHES, defs.VERIFY_TIMESTAMP))
    rows = await connection.fetch(_VERIFIED)
    for what, checked_of, mismatches_of, _ in rows:
        checked.add_metric((what,), checked_of)
        mismatches.add_metric((what,), mismatches_of)
    if rows:
        finished.add_metric((), max(row[3] for row in rows))
    return [checked, mismatches, finished]


async def _rebuilding(connection: Connection) -> list[Metric]:
    records = _family(defs.REBUILD_RECORDS)
    row = await connection.fetchrow(_REBUILDING)
    if row is not None and row[1] is not None:
        records.add_metric(("read",), row[0])
        records.add_metric(("total",), row[1])
    return [records]


def _family(metric: Definition) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
